import { html, nothing, type TemplateResult } from 'lit'
import type { BoardFrame } from './board-frame.js'
import { revisionText } from './board-revision.js'
import type { Happening, JournalEntry } from './journal-entry.js'
import { whenText } from './times.js'

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
  const lines: { entry: JournalEntry; ids: string[]; all: JournalEntry[] }[] = []
  for (const entry of entries) {
    const last = lines.at(-1)
    if (last?.entry.service === entry.service && last.entry.type === entry.type && last.entry.revision === entry.revision && entry.service !== '' && entry.type !== 'operator') {
      last.ids.push(entry.id)
      last.all.push(entry)
    } else lines.push({ entry, ids: [entry.id], all: [entry] })
    if (lines.length > mostLines) break
  }
  return lines.flatMap(({ entry, ids, all }) => (ids.length >= crowd ? [{ ...entry, ids }] : all.map(each => ({ ...each, ids: [each.id] })))).slice(0, mostLines)
}

const words: Readonly<Partial<Record<Happening, string>>> = { joined: 'joined', left: 'left', updated: 'changed', rejected: 'cannot be read', cleared: 'can be read again, or are gone' }

const whatOf = ({ type, service, id, text, ids }: JournalLine, frame: BoardFrame): TemplateResult => {
  if (service === '') return html`<b>${type}</b> ${text}`
  if (ids.length > 1) return html`<b>${service}</b> ${ids.length} ${words[type] ?? type} <span class="muted">${ids.slice(0, 3).join(', ')} …</span>`
  if (type === 'rejected' || type === 'cleared') return html`<span class="mono">${id}</span> ${text}`
  const name = `${service}/${id}`
  return html`<button class="link mono" data-name=${name} @click=${() => frame.select(name)}>${name}</button>
    ${type === 'operator' ? text : type} ${type === 'updated' || type === 'joined' ? html`<span class="muted">${text}</span>` : nothing}`
}

/** The journal, latest first: who joined, left and changed, and when the board was not live. */
export const journalList = (entries: readonly JournalEntry[], frame: BoardFrame): TemplateResult => {
  const lines = grouped(entries)
  const line = (each: JournalLine): TemplateResult => {
    const { type, revision, at } = each
    const when = `${whenText({ at }, frame.since, frame.now)} · ${revisionText(revision)}`
    return html`<li class="${type === 'rejected' ? 'rejected-entry' : type} ${frame.isFresh(each) ? 'fresh' : ''}">
      <span class="sign" aria-hidden="true">${signs[type]}</span>
      <div class="what">
        ${whatOf(each, frame)}
        ${revision !== 0 ? html`<button class="when" title="Show the fleet as of this revision" @click=${() => frame.show(revision)}>${when}</button>` : html`<span class="when">${when}</span>`}
      </div>
    </li>`
  }
  return html`<section class="panel journal" aria-labelledby="journal">
    <header><h3 id="journal">Journal</h3><span class="muted">${entries.length === 0 ? '' : entries.length}</span></header>
    ${lines.length === 0 ? html`<p class="muted note">Nothing has changed yet.</p>` : html`<ol tabindex="0" aria-label="What has happened, latest first">${lines.map(line)}</ol>`}
  </section>`
}
