import { html, nothing, type TemplateResult } from 'lit'
import type { BoardFrame } from './board-frame.js'
import { revisionText } from './board-revision.js'
import type { Happening, JournalEntry } from './journal-entry.js'
import { naturalOrder } from './natural-order.js'
import { numberText } from './number-text.js'
import type { ShownJournal } from './shown-journal.js'
import { mostEntries } from './timeline.js'
import { clockText, whenText } from './times.js'
import { toneOf } from './tone.js'

/** How many lines are shown. */
const mostLines = 120
/** Of how many instances on the same occasion a line is made for all of them. */
const crowd = 4

const signs: Readonly<Record<Happening, string>> = { joined: '+', left: '−', updated: '~', rejected: '!', cleared: '✓', stale: '!', live: '✓', replaced: '!', operator: '»' }

/** One line: one happening, or the same to many at once. */
interface JournalLine extends JournalEntry {
  readonly ids: readonly string[]
}

const grouped = (entries: readonly JournalEntry[]): readonly JournalLine[] => {
  const occasions: JournalEntry[][] = []
  for (const entry of entries) {
    const same = occasions.at(-1)
    const last = same?.[0]
    if (last?.service === entry.service && last.type === entry.type && last.revision === entry.revision && last.turned === entry.turned && entry.service !== '' && entry.type !== 'operator') same?.push(entry)
    else occasions.push([entry])
    if (occasions.length > mostLines) break
  }
  return occasions
    .flatMap((all): readonly JournalLine[] => {
      const lines = all.sort((a, b) => naturalOrder(a.id, b.id)).map(each => ({ ...each, ids: [each.id] }))
      return all.length < crowd ? lines : lines.slice(0, 1).map(first => ({ ...first, ids: all.map(({ id }) => id), text: all.every(({ text }) => text === first.text) ? first.text : '' }))
    })
    .slice(0, mostLines)
}

const words: Readonly<Partial<Record<Happening, string>>> = { joined: 'joined', left: 'left', updated: 'changed', rejected: 'cannot be read', cleared: 'can be read again, or are gone' }

const whatOf = ({ type, service, id, text, ids }: JournalLine, frame: BoardFrame): TemplateResult => {
  if (service === '') return html`<b>${type}</b> ${text}`
  if (ids.length > 1) return html`<b>${service}</b> ${numberText(ids.length)} ${words[type] ?? type} <span class="muted">${type === 'updated' && text !== '' ? `${text}: ` : ''}${ids.slice(0, 3).join(', ')} …</span>`
  if (type === 'rejected' || type === 'cleared') return html`<span class="mono">${id}</span> ${text}`
  const name = `${service}/${id}`
  return html`<button class="link mono" data-name=${name} @click=${() => frame.select(name)}>${name}</button>
    ${type === 'operator' ? text : type} ${type === 'updated' || type === 'joined' ? html`<span class="muted">${text}</span>` : nothing}`
}

/** Why there are no lines. */
const noLines = (total: number, { since, now, past }: BoardFrame, isAwaited: boolean): string => {
  if (isAwaited) return 'Nothing was received yet.'
  if (total > 0) return 'No line passes the filters.'
  return past === undefined ? `Nothing has changed since ${clockText(since, now)}.` : 'No earlier change is known.'
}

/** The journal, latest first: what joined, left and changed, and when the board was not live. `isAwaited`: no fleet is known yet. */
export const journalList = ({ entries, total }: ShownJournal, isAwaited: boolean, frame: BoardFrame): TemplateResult => {
  const lines = grouped(entries)
  const line = (each: JournalLine): TemplateResult => {
    const { type, revision, at } = each
    const when = `${whenText({ at }, frame.since, frame.now)} · ${revisionText(revision)}`
    return html`<li class="${toneOf(each)} ${frame.isFresh(each) ? 'fresh' : ''}">
      <span class="sign" aria-hidden="true">${signs[type]}</span>
      <div class="what">
        ${whatOf(each, frame)}
        ${revision !== 0 ? html`<button class="when" title="Show the fleet as of this revision" @click=${() => frame.show(revision)}>${when}</button>` : html`<span class="when">${when}</span>`}
      </div>
    </li>`
  }
  return html`<section class="panel journal" aria-labelledby="journal">
    <header><h3 id="journal">Journal</h3><span class="muted">${total === 0 ? '' : frame.isFiltered ? `${numberText(entries.length)} of ${numberText(total)} pass` : `${total < mostEntries ? '' : 'latest '}${numberText(total)}`}</span></header>
    ${lines.length === 0 ? html`<p class="muted note">${noLines(total, frame, isAwaited)}</p>` : html`<ol tabindex="0" aria-label="What has happened, latest first">${lines.map(line)}${lines.length < mostLines ? nothing : html`<li class="muted"><span></span>Lines before these are shown with an earlier revision.</li>`}</ol>`}
  </section>`
}
