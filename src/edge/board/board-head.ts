import { html, nothing, type TemplateResult } from 'lit'
import type { Revision } from 'rx-discovery'
import type { BoardFrame } from './board-frame.js'
import type { BoardMoment } from './board-moment.js'
import { revisionText } from './board-revision.js'
import type { Filters, StatusFilter } from './filters.js'
import type { FleetCounts } from './fleet-counts.js'
import { freshnessBanner, freshnessSign } from './freshness-sign.js'
import type { Freshness } from './freshness.js'
import { numberText } from './number-text.js'
import type { RowState } from './row-state.js'
import { stateShape } from './state-sign.js'
import { clockText, durationText } from './times.js'

/** What the head shows. */
export interface BoardHeadState {
  readonly heading: string
  readonly freshness: Freshness
  /** The moment that is shown; `undefined`: none is known. */
  readonly moment: BoardMoment | undefined
  readonly counts: FleetCounts
  readonly filters: Filters
  readonly change: (filters: Filters) => void
  /** Whether the filters, of which the numbers are a part, are unfolded on a narrow page. */
  readonly isUnfolded: boolean
  /** Whether what is shown is no longer, or not yet, confirmed. */
  readonly isDim: boolean
  /** The latest revision that is known, if its moment is shown. */
  readonly known: Revision | undefined
}

const shownStates: readonly RowState[] = ['up', 'starting', 'draining', 'down', 'gone']

/** The past revision that is shown: a link may ask for one that is not known yet. */
const shownRevision = ({ known = Infinity }: BoardHeadState, past: Revision): Revision => Math.min(past, known)

const sign = (state: BoardHeadState, { past, isRecording }: BoardFrame): TemplateResult =>
  isRecording || past !== undefined
    ? html`<span class="pulse"><span class="lamp"></span><strong>${isRecording ? 'recording' : 'past'}</strong> ${past === undefined ? nothing : html`<span>${revisionText(shownRevision(state, past))}</span>`}</span>`
    : freshnessSign(state.freshness, state.moment)

const pastBanner = (state: BoardHeadState, { now, past, show, isRecording, isAtEnd }: BoardFrame): TemplateResult | typeof nothing => {
  if (past === undefined) return nothing
  const { moment, freshness } = state
  const revision = shownRevision(state, past)
  const when = moment?.at === undefined ? '' : `, ${clockText(moment.at, now)}, ${durationText(now - moment.at)} ago`
  const missing = revision === past ? '' : ` It is the latest that is known: ${revisionText(past)} has not been seen.`
  const trouble = freshness.type === 'live' || freshness.error === undefined ? '' : ' Meanwhile the registry does not answer.'
  // The age changes each second: only the first words are announced.
  return html`<div class="banner past">
    <p><b role="status">${isRecording ? 'A recording' : 'The past'}</b> This is the fleet as of ${revisionText(revision)}${when}.${missing}${trouble}</p>
    ${isAtEnd ? nothing : html`<button class="action" @click=${() => show(undefined)}>${isRecording ? 'To its end' : 'Back to live'}</button>`}
  </div>`
}

/** The numbers in one line, for narrow pages. */
const brief = ({ moment, counts: { states, unreadable } }: BoardHeadState): TemplateResult | typeof nothing => {
  if (moment === undefined) return nothing
  const part = (name: RowState): TemplateResult | typeof nothing =>
    states[name] === 0 ? nothing : html`<span class="state ${name}">${stateShape(name)}${numberText(states[name])}<span class="unseen"> ${name}</span></span>`
  return html`<p class="brief">
    ${shownStates.map(part)} ${unreadable === 0 ? nothing : html`<span class="state unreadable"><span aria-hidden="true">! </span>${numberText(unreadable)}<span class="unseen"> unreadable</span></span>`}
  </p>`
}

/** The title, how fresh the board is, and how many instances of the whole fleet are in which state. */
export const boardHead = (state: BoardHeadState, frame: BoardFrame): TemplateResult => {
  const { heading, freshness, moment, counts, filters, change, isUnfolded, isDim } = state
  const count = (value: number): TemplateResult => html`<b>${moment === undefined ? '–' : numberText(value)}</b>`
  const isNone = (value: number): boolean => moment === undefined || value === 0
  const number = (name: StatusFilter, value: number): TemplateResult => {
    const isSet = filters.status === name
    return html`<button class="number ${name} ${isNone(value) ? 'none' : ''}" aria-pressed=${isSet} @click=${() => change({ ...filters, status: isSet ? '' : name })}>${count(value)}<span>${name}</span></button>`
  }
  const total = (value: number, one: string, many: string, gone: number): TemplateResult =>
    html`<div class="number ${isNone(value) ? 'none' : ''}">${count(value)}<span>${value === 1 ? one : many}${gone > 0 ? `, ${gone} gone` : ''}</span></div>`
  return html`<header class="head ${isUnfolded ? 'unfolded' : ''} ${isDim ? 'dim' : ''}">
      <div class="title"><h2>${heading}</h2>${sign(state, frame)}</div>
      ${brief(state)}
      <div class="numbers" role="group" aria-label="The whole fleet">
        ${total(counts.services, 'service', 'services', counts.goneServices)} ${total(counts.instances, 'instance', 'instances', 0)} ${shownStates.map(name => number(name, counts.states[name]))}
        ${counts.unreadable > 0 ? number('unreadable', counts.unreadable) : nothing}
      </div>
    </header>
    ${frame.past === undefined || moment === undefined || freshness.type === 'stopped' ? freshnessBanner(freshness, moment, frame) : nothing} ${pastBanner(state, frame)}`
}
