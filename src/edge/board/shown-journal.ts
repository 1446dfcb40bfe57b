import type { Revision } from 'rx-discovery'
import type { Filters } from './filters.js'
import type { JournalEntry } from './journal-entry.js'
import { filteredJournal } from './passing.js'
import { journalUpTo, type Timeline } from './timeline.js'

/** The lines of the journal that a board shows, latest first, and how many there are without filters. */
export interface ShownJournal {
  readonly entries: readonly JournalEntry[]
  readonly total: number
}

/** What had happened up to a revision, with what operators did; without a revision, everything. */
export const shownJournal = (timeline: Timeline, operators: readonly JournalEntry[], past: Revision | undefined, filters: Filters): ShownJournal => {
  const theirs = operators.filter(({ revision }) => past === undefined || revision <= past)
  const seen = journalUpTo(timeline, past)
  const all = theirs.length === 0 ? seen : [...seen, ...theirs].sort((a, b) => (b.at ?? 0) - (a.at ?? 0) || b.revision - a.revision)
  return { entries: filteredJournal(all, filters), total: all.length }
}
