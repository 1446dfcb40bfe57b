import { Component, CUSTOM_ELEMENTS_SCHEMA } from '@angular/core'
import 'rx-discovery/board'

/** The board of the package: every service that the gateway serves, with what has happened since the page was opened. */
@Component({
  selector: 'app-board-view',
  schemas: [CUSTOM_ELEMENTS_SCHEMA],
  template: `<rx-discovery-board url="/discovery" heading="All services" link></rx-discovery-board>`,
  styles: `
    :host {
      display: flow-root;
      border-block: 1px solid var(--line);
    }
  `,
})
export class BoardView {}
