import { html, nothing, render, type TemplateResult } from 'lit'
import { repeat } from 'lit/directives/repeat.js'
import type { Marble } from '../messages.js'
import { placed, type Placed } from './placed.js'
import { marbleTip } from './marble-tip.js'

/** The rows of marbles of one run at a time. */
export interface MarbleRows {
  /** Begins a run, without rows. */
  readonly begin: () => void
  /** The time stops. */
  readonly end: () => void
  readonly row: (row: number, name: string) => void
  readonly marbles: (marbles: readonly Marble[], skipped: number) => void
  /** A lever was pulled. */
  readonly pulled: (at: number, text: string) => void
  /** What the clock of the run shows, ms. */
  readonly time: (at: number) => void
}

/** How many marbles of a row are kept. */
const mostMarbles = 400
/** Pixels per second. */
const scales: readonly number[] = [10, 20, 40, 80, 160]
/** From where on the end of the time line counts as seen, pixels. */
const nearEnd = 24

interface Row {
  readonly name: string
  marbles: readonly Placed[]
}

const seconds = (ms: number): string => `${(ms / 1_000).toFixed(1)} s`
const summaryOf = ({ text }: Marble): string => text.split('\n')[0] ?? ''
const titleOf = ({ at, sign, text }: Marble): string => `${seconds(at)}: ${sign === 'error' ? 'error, ' : ''}${text.replaceAll('\n', ', ')}`

/** Whether a row shows a stream that goes on. */
const isOpen = ({ sign }: Marble): boolean => sign === 'next'

/** Draws the rows into an element. */
export const marbleRows = (host: HTMLElement): MarbleRows => {
  let rows: readonly Row[] = []
  let levers: readonly { readonly at: number; readonly text: string }[] = []
  let scale = 40
  let skipped = 0
  let isFollowing = true
  /** What the clock of the run showed, and when that was; the clock of the run goes on from there. */
  let clock = { shown: 0, at: 0 }
  let isRunning = false
  let isDue = false
  const tip = marbleTip(host)

  const now = (): number => (isRunning ? clock.shown + performance.now() - clock.at : clock.shown)
  const scroller = (): HTMLElement | null => host.querySelector('.scroller')

  const marbleIn = (row: Row, index: number): TemplateResult => {
    const marble = row.marbles[index]
    if (marble === undefined) return html``
    const next = row.marbles[index + 1]
    const line = next === undefined ? `calc(var(--end) - ${marble.x}px)` : `${next.x - marble.x}px`
    return html`<li>
      ${isOpen(marble) ? html`<i class="stretch ${marble.tone}" style="left:${marble.x}px;width:${line}"></i>` : nothing}
      <button class="marble ${marble.sign} ${marble.tone}" style="left:${marble.x}px" aria-label=${titleOf(marble)} data-label=${marble.label} data-text=${marble.text} data-at=${seconds(marble.at)} tabindex=${next === undefined ? 0 : -1}></button>
    </li>`
  }
  const rowOf = (row: Row): TemplateResult => {
    const last = row.marbles.at(-1)
    const value = last === undefined || isOpen(last) ? last : row.marbles.at(-2)
    const summary = last === undefined ? 'no value yet' : isOpen(last) || value === undefined ? summaryOf(last) : `${last.sign === 'error' ? 'failed: ' : ''}${summaryOf(last)}`
    return html`<li class="row">
      <div class="name"><b title=${row.name}>${row.name}</b><span title=${summary}>${summary}</span></div>
      <ol class="track" aria-label=${row.name}>${repeat(row.marbles, ({ key }) => key, (_, index) => marbleIn(row, index))}</ol>
    </li>`
  }
  const axis = (): TemplateResult => {
    const step = scale >= 160 ? 1 : scale >= 80 ? 2 : scale >= 40 ? 5 : scale >= 20 ? 10 : 20
    const ticks = Array.from({ length: Math.floor(now() / 1_000 / step) + 1 }, (_, index) => index * step)
    return html`<div class="axis" aria-hidden="true">${ticks.map(tick => html`<span class="tick" style="left:${tick * scale}px">${tick} s</span>`)}</div>
      <div class="pulls" aria-hidden="true">${levers.map(({ at, text }) => html`<span style="left:${(at / 1_000) * scale}px"><b>${text}</b></span>`)}</div>`
  }
  const zoom = (by: number): void => {
    scale = scales[scales.indexOf(scale) + by] ?? scale
    for (const row of rows) row.marbles = placed(row.marbles, scale)
    isFollowing = true
    draw()
  }
  const follow = (): void => {
    isFollowing = !isFollowing
    draw()
  }
  const template = (): TemplateResult => html`<div class="bar">
      <h2>Streams</h2>
      <span class="hint">${skipped > 0 ? `${skipped} values came too fast to be drawn` : nothing}</span>
      <button aria-label="Zoom out" ?disabled=${scale === scales[0]} @click=${() => zoom(-1)}>−</button>
      <button aria-label="Zoom in" ?disabled=${scale === scales.at(-1)} @click=${() => zoom(1)}>+</button>
      <button aria-pressed=${isFollowing} @click=${follow}>Follow</button>
    </div>
    ${rows.length === 0
      ? html`<p class="empty">Each <code>show('name', stream$)</code> of a program that runs draws a row here.</p>`
      : html`<div class="scroller" role="region" aria-label="Time lines" tabindex="0" @scroll=${scrolled}>
          <div class="lanes">${axis()}<ul class="rows">${rows.map(rowOf)}</ul></div>
        </div>`}`
  const scrolled = (): void => {
    tip.move()
    const of = scroller()
    // The view stands still while a marble is looked at, and follows again afterwards.
    if (of === null || tip.isShown()) return
    const sees = of.scrollLeft + of.clientWidth >= of.scrollWidth - nearEnd
    if (sees === isFollowing) return
    isFollowing = sees
    draw()
  }
  const advance = (): void => {
    const of = scroller()
    if (of === null) return
    of.style.setProperty('--end', `${Math.round((now() / 1_000) * scale)}px`)
    of.style.setProperty('--second', `${scale}px`)
    // A marble that is looked at stays where it is.
    if (isFollowing && !tip.isShown()) of.scrollLeft = of.scrollWidth
  }
  const draw = (): void => {
    if (isDue) return
    isDue = true
    requestAnimationFrame(() => {
      isDue = false
      render(template(), host)
      advance()
    })
  }
  const animate = (): void => {
    if (!isRunning) return
    advance()
    requestAnimationFrame(animate)
  }

  host.addEventListener('keydown', event => {
    const from = event.target
    if (!(from instanceof HTMLElement) || !from.classList.contains('marble')) return
    const all = [...(from.closest('.track')?.querySelectorAll<HTMLElement>('.marble') ?? [])]
    const index = all.indexOf(from)
    const to = { ArrowLeft: index - 1, ArrowRight: index + 1, Home: 0, End: all.length - 1 }[event.key]
    if (to === undefined) return
    event.preventDefault()
    all[to]?.focus()
  })

  draw()
  return {
    begin: () => {
      rows = []
      levers = []
      skipped = 0
      isFollowing = true
      clock = { shown: 0, at: performance.now() }
      if (!isRunning) requestAnimationFrame(animate)
      isRunning = true
      draw()
    },
    end: () => {
      clock = { shown: now(), at: 0 }
      isRunning = false
      draw()
    },
    row: (row, name) => {
      // A program that sends messages of its own cannot name a row twice, or leave one out.
      if (row !== rows.length) return
      rows = [...rows, { name, marbles: [] }]
      draw()
    },
    marbles: (marbles, more) => {
      skipped += more
      for (const marble of marbles) {
        const row = rows[marble.row]
        if (row !== undefined) row.marbles = placed([...row.marbles, marble], scale, row.marbles.length).slice(-mostMarbles)
      }
      draw()
    },
    pulled: (at, text) => {
      levers = [...levers, { at, text }].slice(-mostMarbles)
      draw()
    },
    time: at => {
      const before = Math.floor(now() / 1_000)
      clock = { shown: at, at: performance.now() }
      if (Math.floor(at / 1_000) !== before) draw()
    },
  }
}
