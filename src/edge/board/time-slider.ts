import { html, nothing, svg, type TemplateResult } from 'lit'
import { guard } from 'lit/directives/guard.js'
import type { BoardFrame } from './board-frame.js'
import type { BoardMoment } from './board-moment.js'
import { revisionText } from './board-revision.js'
import { numberText } from './number-text.js'
import { durationText, whenText } from './times.js'
import { toneOf, type Tone } from './tone.js'

/** How many columns there are at most; more moments share them. */
const mostColumns = 240
const [width, height] = [1_000, 30]
/** The widest bar. */
const widest = 9

/** The parts of a bar, from below, and what they mean. Trouble of the board itself is in no moment. */
const meanings = { good: 'joined or up', other: 'changed', bad: 'left, down or unreadable' } as const
const tones = ['good', 'other', 'bad'] as const

/** What a column shows: how much has happened in its moments. */
type Column = Record<Tone, number>

const columnsOf = (moments: readonly BoardMoment[]): readonly Column[] => {
  const columns = Array.from({ length: Math.min(mostColumns, moments.length) }, (): Column => ({ good: 0, other: 0, bad: 0, trouble: 0 }))
  moments.forEach(({ entries }, at) => {
    const column = columns[Math.floor((at * columns.length) / moments.length)]
    if (column === undefined) return
    for (const entry of entries) column[toneOf(entry)] += 1
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
  const most = columns.reduce((max, { good, other, bad }) => Math.max(max, scaled(good + other + bad)), 1)
  const paths = { good: '', other: '', bad: '' }
  columns.forEach((column, at) => {
    const all = column.good + column.other + column.bad
    let from = height
    for (const tone of tones) {
      const part = all === 0 ? 0 : (0.25 + (0.75 * scaled(all)) / most) * (height - 4) * (column[tone] / all)
      if (part > 0) paths[tone] += `M${at * step - bar / 2} ${from}v${-part}h${bar}v${part}z`
      from -= part
    }
  })
  const middle = height - 0.5
  return html`<svg viewBox="0 0 ${width} ${height}" preserveAspectRatio="none" aria-hidden="true">
    ${svg`<path class="base" vector-effect="non-scaling-stroke" d="M0 ${middle}H${width}" />`}
    ${tones.map(tone => svg`<path class=${tone} d=${paths[tone]} />`)}
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

/** The label of the thumb. */
const labelOf = ({ moments, index }: TimeSliderState, { past, since, now, isLive }: BoardFrame): string => {
  const shown = moments[index]
  if (past === undefined) return isLive ? 'now' : 'last known'
  if (shown === undefined) return `${revisionText(past)}: not on the time line`
  return `${revisionText(shown.revision)}, ${whenText(shown, since, now)}${shown.entries.length === 0 ? '' : `, ${summary(shown)}`}`
}

/** The ends of the axis, and how many changes are between them. */
const axis = ({ moments, isPastMissing }: TimeSliderState, first: BoardMoment, last: BoardMoment, { since, now, isFiltered }: BoardFrame): TemplateResult => {
  const end = (moment: BoardMoment): TemplateResult => html`${whenText(moment, since, now)} <span class="spare">(${revisionText(moment.revision)})</span>`
  const changes = moments.length - 1
  const count = `${numberText(changes)} ${changes === 1 ? 'change' : 'changes'}${isFiltered ? ' of the whole fleet' : ''}`
  const key = html`<span class="key">${tones.map(tone => html`<span class=${tone}></span>${meanings[tone]} `)}</span>`
  const missing = isPastMissing ? ' · The past cannot be read, trying again' : ''
  return changes === 0
    ? html`<p class="axis"><span>No change since ${whenText(first, since, now)}${missing}</span></p>`
    : html`<p class="axis"><span>${end(first)}</span> <span>${count}${missing} ${key}</span> <span>${end(last)}</span></p>`
}

/** The slider over the revisions that changed something, of the whole fleet. */
export const timeSlider = (state: TimeSliderState, frame: BoardFrame): TemplateResult | typeof nothing => {
  const { moments, index, isPlaying, play } = state
  const [first, shown, latest] = [moments[0], moments[index], moments.at(-1)]
  if (first === undefined || latest === undefined) return nothing
  const isAlone = moments.length === 1
  const end = Math.max(1, moments.length - 1)
  const at = frame.isAtEnd ? end : Math.max(0, index)
  const to = (next: number): void => frame.show(next >= moments.length - 1 ? undefined : moments[Math.max(0, next)]?.revision)
  const label = labelOf(state, frame)
  const ago = frame.past !== undefined && shown?.at !== undefined ? ` (${durationText(frame.now - shown.at)} ago)` : ''
  // The label is above the thumb. Its place is a property, since pages may forbid style attributes.
  return html`<section class="time" aria-label="Time line">
    <div class="steps">
      <button class="action" aria-label="Back to the change before" ?disabled=${index <= 0} @click=${() => to(index - 1)}>${icon(icons.back)}</button>
      <button class="action" aria-label=${isPlaying ? 'Pause' : 'Play the changes'} ?disabled=${isAlone} @click=${play}>${icon(isPlaying ? icons.pause : icons.play)}</button>
      <button class="action" aria-label="Forward to the next change" ?disabled=${frame.isAtEnd} @click=${() => to(index + 1)}>${icon(icons.forward)}</button>
    </div>
    <div class="line">
      <p class="where" .style=${`--at:${(at / end) * 100}%`}><span><b>${label}</b>${ago}</span></p>
      <div class="track">
        ${guard([moments], () => bars(moments))}
        <input
          type="range"
          min="0"
          max=${end}
          .value=${String(at)}
          ?disabled=${isAlone}
          aria-label="Revisions that changed something"
          aria-valuetext=${label}
          @input=${(event: Event) => to(Number((event.target as HTMLInputElement).value))}
        />
      </div>
      ${axis(state, first, latest, frame)}
    </div>
    <button class="action ${frame.isAtEnd ? '' : 'strong'}" ?disabled=${frame.isAtEnd} @click=${() => frame.show(undefined)}>${frame.isRecording ? 'End' : 'Live'}</button>
  </section>`
}
