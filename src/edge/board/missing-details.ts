import { html, type TemplateResult } from 'lit'
import type { BoardFrame } from './board-frame.js'
import { revisionText } from './board-revision.js'
import { detailsPanel } from './details-panel.js'
import type { JournalEntry } from './journal-entry.js'
import { rowName } from './service-rows.js'
import { whenText } from './times.js'

/** That the selected instance is not there, and when it left, so that a link to it does not lead to nothing. `journal` is what had happened, latest first. */
export const missingDetails = (journal: readonly JournalEntry[], frame: BoardFrame): TemplateResult => {
  const { selected, past, since, now } = frame
  const left = journal.find(entry => entry.type === 'left' && rowName(entry) === selected)
  const when = left === undefined ? 'No line of the journal says that it left.' : `It left: ${whenText(left, since, now)}, ${revisionText(left.revision)}.`
  return detailsPanel(selected, html`<p class="note">${past === undefined ? 'Not registered.' : 'Not registered at this revision.'} ${when}</p>`, frame)
}
