import { html, type TemplateResult } from 'lit'
import type { BoardFrame } from './board-frame.js'

/** The panel about the selected instance. */
export const detailsPanel = (title: unknown, content: unknown, frame: BoardFrame): TemplateResult =>
  html`<section class="panel details" aria-labelledby="details">
    <header>
      <h3 id="details" tabindex="-1">${title}</h3>
      <button class="close" aria-label="Close" @click=${() => frame.select('')}>×</button>
    </header>
    ${content}
  </section>`
