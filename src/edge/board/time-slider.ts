import { html, nothing, svg, type TemplateResult } from 'lit'
import { guard } from 'lit/directives/guard.js'
import type { BoardFrame } from './board-frame.js'
import type { BoardMoment } from './board-moment.js'
import { revisionText } from './board-revision.js'
import { durationText, whenText } from './times.js'

/** How many columns there are at most; more moments share them. */
const mostColumns = 240
const [width, height] = [1_000, 30]
/** The widest bar. */
const widest = 9

/** What a column shows: how much has happened in its moments. */
interface Column {
  joined: number
  updated: number
  left: number
}

const columnsOf = (moments: readonly BoardMoment[]): readonly Column[] => {
  const columns = Array.from({ length: Math.min(mostColumns, moments.length) }, (): Column => ({ joined: 0, updated: 0, left: 0 }))
  moments.forEach(({ entries }, at) => {
    const column = columns[Math.floor((at * columns.length) / moments.length)]
    if (column === undefined) return
    for (const { type } of entries)
      if (type === 'joined' || type === 'cleared') column.joined += 1
      else if (type === 'left' || type === 'rejected') column.left += 1
      else column.updated += 1
  })
  return columns
}

/** The columns as bars: a few changes are visible beside many. */
const bars = (moments: readonly BoardMoment[]): TemplateResult => {
  const columns = columnsOf(moments)
  // Each bar stands above the place of its moment on the slider.
  const step = width / Math.max(1, columns.length - 1)
  const bar = Math.min(widest, step * 0.76)
  const scaled = (count: number): number => Math.log2(count + 1)
  const most = columns.reduce((max, { joined, updated, left }) => Math.max(max, scaled(joined + updated + left)), 1)
  const paths = { joined: '', updated: '', left: '' }
  columns.forEach((column, at) => {
    const all = column.joined + column.updated + column.left
    let from = height
    for (const type of ['joined', 'updated', 'left'] as const) {
      const part = all === 0 ? 0 : (0.25 + (0.75 * scaled(all)) / most) * (height - 4) * (column[type] / all)
      if (part > 0) paths[type] += `M${at * step - bar / 2} ${from}v${-part}h${bar}v${part}z`
      from -= part
    }
  })
  const middle = height - 0.5
  return html`<svg viewBox="0 0 ${width} ${height}" preserveAspectRatio="none" aria-hidden="true">
    ${svg`<path class="base" vector-effect="non-scaling-stroke" d="M0 ${middle}H${width}" />`}
    ${(['joined', 'updated', 'left'] as const).map(type => svg`<path class=${type} d=${paths[type]} />`)}
  </svg>`
}

const summary = ({ entries }: BoardMoment): string => {
  const counts = new Map<string, number>()
  for (const { type } of entries) counts.set(type, (counts.get(type) ?? 0) + 1)
  return [...counts].map(([type, count]) => `${count} ${type}`).join(', ')
}

const icon = (path: string): TemplateResult => html`<svg viewBox="0 0 14 14" aria-hidden="true"><path d=${path} /></svg>`
const icons = { back: 'M9.5 1.5v11L3 7z', forward: 'M4.5 1.5v11L11 7z', play: 'M3 1.5v11l9-5.5z', pause: 'M3 2h3v10H3zM8 2h3v10H8z' }

/** What the slider shows. */
export interface TimeSliderState {
  readonly moments: readonly BoardMoment[]
  /** The one that is shown; −1: a revision before all of them. */
  readonly index: number
  readonly isPlaying: boolean
  /** Whether what was recorded before is still missing. */
  readonly isPastMissing: boolean
  readonly play: () => void
}

/** The slider over the revisions that changed what is shown. */
export const timeSlider = ({ moments, index, isPlaying, isPastMissing, play }: TimeSliderState, frame: BoardFrame): TemplateResult | typeof nothing => {
  const [first, shown, last] = [moments[0], moments[index], moments.length - 1]
  if (first === undefined) return nothing
  const to = (at: number): void => frame.show(at >= last ? undefined : moments[Math.max(0, at)]?.revision)
  const labelOf = (moment: BoardMoment): string => `${revisionText(moment.revision)}, ${whenText(moment, frame.since, frame.now)}${moment.entries.length === 0 ? '' : `, ${summary(moment)}`}`
  const label = frame.past === undefined ? 'now' : shown === undefined ? `${revisionText(frame.past)}: not on the time line` : labelOf(shown)
  const ago = frame.past !== undefined && shown?.at !== undefined ? ` (${durationText(frame.now - shown.at)} ago)` : ''
  const isAlone = moments.length === 1
  return html`<section class="time" aria-label="Time line">
    <div class="steps">
      <button class="action" aria-label="Back to the change before" ?disabled=${index <= 0} @click=${() => to(index - 1)}>${icon(icons.back)}</button>
      <button class="action" aria-label=${isPlaying ? 'Pause' : 'Play the changes'} ?disabled=${isAlone} @click=${play}>${icon(isPlaying ? icons.pause : icons.play)}</button>
      <button class="action" aria-label="Forward to the next change" ?disabled=${frame.isAtEnd} @click=${() => to(index + 1)}>${icon(icons.forward)}</button>
    </div>
    <div class="track">
      ${guard([moments], () => bars(moments))}
      <input
        type="range"
        min="0"
        max=${Math.max(1, last)}
        .value=${String(frame.isAtEnd ? Math.max(1, last) : Math.max(0, index))}
        ?disabled=${isAlone}
        aria-label="Revisions that changed something"
        aria-valuetext=${label}
        @input=${(event: Event) => to(Number((event.target as HTMLInputElement).value))}
      />
    </div>
    <button class="action ${frame.isAtEnd ? '' : 'strong'}" ?disabled=${frame.isAtEnd} @click=${() => frame.show(undefined)}>${frame.isRecording ? 'End' : 'Live'}</button>
    <p class="where">
      <span>${isAlone ? `No change since ${whenText(first, frame.since, frame.now)}` : html`${whenText(first, frame.since, frame.now)} <span class="spare">(${revisionText(first.revision)})</span>`}${isPastMissing ? ' · The past cannot be read, trying again' : ''}</span>
      <span><b>${label}</b>${ago}</span>
      <span>${isAlone ? '' : `${moments.length - 1} ${moments.length === 2 ? 'change' : 'changes'}`}</span>
    </p>
  </section>`
}
