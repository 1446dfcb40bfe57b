import { html, render } from 'lit'
import type { Line } from '../messages.js'

/** What a program prints. */
export interface Output {
  readonly clear: () => void
  readonly print: (lines: readonly Line[], skipped?: number) => void
}

/** How many lines are kept. */
const mostLines = 300

/** Draws the lines into an element. */
export const outputIn = (host: HTMLElement): Output => {
  let lines: readonly Line[] = []
  const draw = (): void => {
    render(lines.length === 0 ? html`<p class="empty">What the program prints appears here.</p>` : lines.map(({ level, text }) => html`<pre class=${level}>${text}</pre>`), host)
    host.scrollTop = host.scrollHeight
  }
  draw()
  return {
    clear: () => {
      lines = []
      draw()
    },
    print: (more, skipped = 0) => {
      lines = [...lines, ...more, ...(skipped > 0 ? [{ level: 'warn', text: `… ${skipped} more lines came too fast` } as const] : [])].slice(-mostLines)
      draw()
    },
  }
}
