import { Component, computed } from '@angular/core'
import { toSignal } from '@angular/core/rxjs-interop'
import { fromEvent, map } from 'rxjs'
import { injectServiceSet } from 'rx-discovery/angular'
import { BoardView } from './board-view'
import { injectJournal } from './inject-journal'
import { Journal } from './journal'
import { LatestOrders } from './latest-orders'
import { ServiceCard } from './service-card'
import { StaleBanner } from './stale-banner'
import { StockCalls } from './stock-calls'

const isBoardOpen = (): boolean => location.hash === '#board'

const services = ['gateway', 'orders', 'users', 'stock']

@Component({
  selector: 'app-root',
  host: { '[class.board]': 'isBoard()' },
  imports: [BoardView, Journal, LatestOrders, ServiceCard, StaleBanner, StockCalls],
  template: `
    <header>
      <h1>Services</h1>
      <p class="hint">{{ size() }} instances of {{ sets.length }} services in etcd</p>
      <nav aria-label="Views">
        <a href="#" [attr.aria-current]="isBoard() ? null : 'page'">Dashboard</a>
        <a href="#board" [attr.aria-current]="isBoard() ? 'page' : null">Board</a>
      </nav>
    </header>
    <div role="status">
      @if (troubled(); as set) {
        <app-stale-banner [set]="set" />
      }
    </div>
    @if (isBoard()) {
      <!-- Its code is loaded when it is opened first. -->
      @defer (on immediate) {
        <app-board-view />
      } @placeholder {
        <p class="hint">loading the board</p>
      }
    }
    <main [hidden]="isBoard()">
      @for (set of sets; track set) {
        <app-service-card class="card" [set]="set()" />
      }
      <app-stock-calls class="card wide" />
      <app-latest-orders class="card wide" />
      <app-journal class="card full" [entries]="journal()" />
    </main>
  `,
  styles: `
    :host {
      display: block;
      max-width: 72rem;
      margin: auto;
      padding: 1.5rem 1rem 3rem;
    }
    :host(.board) {
      max-width: none;
    }
    header {
      display: flex;
      flex-wrap: wrap;
      align-items: baseline;
      gap: 0 1rem;
    }
    nav {
      display: flex;
      gap: 1rem;
      margin-inline-start: auto;
    }
    a {
      color: var(--accent);
      text-decoration: none;
    }
    a:hover,
    a[aria-current] {
      text-decoration: underline;
    }
    app-board-view {
      margin-top: 1rem;
    }
    main[hidden] {
      display: none;
    }
    main {
      display: grid;
      grid-template-columns: repeat(4, minmax(0, 1fr));
      gap: 1rem;
      margin-top: 1rem;
    }
    .wide {
      grid-column: span 2;
    }
    .full {
      grid-column: 1 / -1;
    }
    @media (width < 60rem) {
      main {
        grid-template-columns: repeat(2, minmax(0, 1fr));
      }
    }
    @media (width < 36rem) {
      main {
        grid-template-columns: minmax(0, 1fr);
      }
      .wide {
        grid-column: auto;
      }
    }
  `,
})
export class App {
  protected readonly sets = services.map(service => injectServiceSet(() => service))
  protected readonly size = computed(() => this.sets.reduce((sum, set) => sum + set().size, 0))
  /** One stream carries all services, so the trouble of one set is that of all. */
  protected readonly troubled = computed(() => this.sets.map(set => set()).find(({ trouble }) => trouble !== undefined))
  protected readonly isBoard = toSignal(fromEvent(window, 'hashchange').pipe(map(isBoardOpen)), { initialValue: isBoardOpen() })
  protected readonly journal = injectJournal(this.sets)
}
