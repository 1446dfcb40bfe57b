import { html, nothing, type TemplateResult } from 'lit'
import type { View } from '#internal/core/view/step'
import type { BoardFrame } from './board-frame.js'
import { revisionText } from './board-revision.js'
import type { Filters } from './filters.js'
import type { RowState, ServiceRows } from './service-rows.js'
import { clockText, durationText } from './times.js'

/** What the head shows. */
export interface BoardHeadState {
  readonly heading: string
  readonly view: View<unknown>
  readonly services: readonly ServiceRows[]
  readonly counts: Readonly<Record<RowState, number>>
  /** How many instances there are, with those that have left. */
  readonly total: number
  readonly filters: Filters
  readonly change: (filters: Filters) => void
  readonly failure: Error | undefined
  /** When the moment that is shown was seen, epoch ms. */
  readonly at: number | undefined
}

const digits = new Intl.NumberFormat('en')
const shownStates: readonly RowState[] = ['up', 'starting', 'draining', 'down', 'gone']

const pulse = ({ view, failure }: BoardHeadState, { now, past, isRecording }: BoardFrame): TemplateResult => {
  if (isRecording || past !== undefined) return html`<span class="pulse"><span class="lamp"></span><strong>${isRecording ? 'recording' : 'past'}</strong> ${past === undefined ? nothing : revisionText(past)}</span>`
  const { status, asOf, snapshot } = view
  if (failure !== undefined) return html`<span class="pulse stale"><span class="lamp"></span><strong>stopped</strong></span>`
  if (status === 'pending') return html`<span class="pulse"><span class="lamp"></span><strong>connecting</strong></span>`
  const age = status === 'live' ? nothing : html`since ${clockText(view.trouble?.since ?? asOf, now)}`
  return html`<span class="pulse ${status}"><span class="lamp"></span><strong>${status}</strong> ${age} <span>${revisionText(snapshot.revision)}</span></span>`
}

const sentence = (text: string): string => `${text.charAt(0).toUpperCase()}${text.slice(1)}.`

const staleBanner = ({ view, failure }: BoardHeadState, { now }: BoardFrame): TemplateResult | typeof nothing => {
  if (failure !== undefined) return html`<div class="banner stale" role="alert"><p><b>Stopped</b> ${sentence(failure.message)} Reload the page to try again.</p></div>`
  const { trouble, status, asOf } = view
  if (trouble === undefined || status === 'live') return nothing
  const asOfText = asOf > 0 ? html` What you see is as of ${clockText(asOf, now)}.` : nothing
  // The age changes each second: only the first sentence is announced.
  return html`<div class="banner stale">
    <p><b><span role="alert">${status === 'pending' ? 'Not connected' : 'Stale'}</span> for ${durationText(now - trouble.since)}</b> ${sentence(trouble.error.message)}${asOfText} Trying again.</p>
  </div>`
}

const pastBanner = ({ at }: BoardHeadState, { now, past, show, isRecording, isAtEnd }: BoardFrame): TemplateResult | typeof nothing =>
  past === undefined
    ? nothing
    : html`<div class="banner past" role="status">
        <p><b>${isRecording ? 'A recording' : 'The past'}</b> This is the fleet as of ${revisionText(past)}${at === undefined ? '' : `, ${clockText(at, now)}, ${durationText(now - at)} ago`}.</p>
        ${isAtEnd ? nothing : html`<button class="action" @click=${() => show(undefined)}>${isRecording ? 'To its end' : 'Back to live'}</button>`}
      </div>`

/** The title, how fresh the board is, and how many instances there are in which state. */
export const boardHead = (state: BoardHeadState, frame: BoardFrame): TemplateResult => {
  const { heading, services, counts, total, filters, change } = state
  const present = total - counts.gone
  const known = services.filter(each => each.rows.some(row => row.state !== 'gone')).length
  const rejected = services.reduce((sum, each) => sum + each.rejected.length, 0)
  const number = (name: RowState): TemplateResult => {
    const isSet = filters.status === name
    return html`<button class="number ${name} ${counts[name] === 0 ? 'none' : ''}" aria-pressed=${isSet} @click=${() => change({ ...filters, status: isSet ? '' : name })}><b>${digits.format(counts[name])}</b><span>${name}</span></button>`
  }
  return html`<header class="head">
      <div class="title"><h2>${heading}</h2>${pulse(state, frame)}</div>
      <div class="numbers">
        <div class="number"><b>${digits.format(known)}</b><span>${known === 1 ? 'service' : 'services'}</span></div>
        <div class="number"><b>${digits.format(present)}</b><span>${present === 1 ? 'instance' : 'instances'}</span></div>
        ${shownStates.map(number)}
        ${rejected > 0 ? html`<div class="number draining"><b>${rejected}</b><span>unreadable</span></div>` : nothing}
      </div>
    </header>
    ${staleBanner(state, frame)} ${pastBanner(state, frame)}`
}
