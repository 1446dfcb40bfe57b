import { html, nothing, type TemplateResult } from 'lit'
import type { BoardFrame } from './board-frame.js'
import type { BoardMoment } from './board-moment.js'
import { revisionText } from './board-revision.js'
import type { Freshness } from './freshness.js'
import { clockText, durationText, whenText } from './times.js'
import { troubleText } from './trouble-text.js'

const wordOf = (freshness: Freshness): string => {
  if (freshness.type !== 'awaited') return freshness.type
  return freshness.isRecalled ? 'not live yet' : freshness.error === undefined ? 'connecting' : 'no answer yet'
}

/** The lamp in the head. */
export const freshnessSign = (freshness: Freshness, moment: BoardMoment | undefined): TemplateResult => {
  const { type } = freshness
  const isWrong = type === 'stopped' || (type === 'awaited' && freshness.error !== undefined)
  return html`<span class="pulse ${isWrong ? 'stale' : type}"><span class="lamp"></span><strong>${wordOf(freshness)}</strong> ${moment === undefined ? nothing : html`<span class="spare">${revisionText(moment.revision)}</span>`}</span>`
}

const sentence = (text: string): string => `${text.charAt(0).toUpperCase()}${text.slice(1)}.`

/** What is wrong, for how long, and what is shown meanwhile; nothing while the board is live, or waits for its first answer and knows of no trouble. */
export const freshnessBanner = (freshness: Freshness, moment: BoardMoment | undefined, { now, since }: BoardFrame): TemplateResult | typeof nothing => {
  const { type } = freshness
  if (type === 'live' || (type === 'awaited' && freshness.error === undefined)) return nothing
  const why = freshness.error === undefined ? '' : sentence(troubleText(freshness.error))
  if (type === 'stopped') return html`<div class="banner stale" role="alert"><p><b>Stopped</b> ${why} Reload the page to try again.</p></div>`
  const age = durationText(now - freshness.since)
  const shown = type === 'stale' ? `What you see was last confirmed at ${clockText(freshness.asOf, now)}.` : moment === undefined ? '' : `What you see was recorded before: ${whenText(moment, since, now)}.`
  // The age changes each second: only the first words are announced.
  return html`<div class="banner stale">
    <p><b><span role="alert">${type === 'stale' ? 'Stale' : 'No answer yet'}</span> ${type === 'stale' ? `for ${age}` : `after ${age}`}</b> ${why} ${shown} Trying again.</p>
  </div>`
}
