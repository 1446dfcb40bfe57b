import type { Snapshot } from '#internal/core/view/projection'
import type { Revision } from 'rx-discovery'
import type { JournalEntry } from './journal-entry.js'
import { firstMoment, nextMoment, pruned, type BoardMoment } from './board-moment.js'

/** What a board has seen: every revision that changed what is shown, and the journal. Immutable. */
export interface Timeline {
  readonly moments: readonly BoardMoment[]
  /** In the order in which it was seen. */
  readonly journal: readonly JournalEntry[]
  /** Since when times are known, epoch ms. */
  readonly since: number
  /** How long departed instances are shown, ms. */
  readonly keep: number
}

/** How many moments and lines are kept. */
const [mostMoments, mostEntries] = [20_000, 5_000]

const appended = <A>(all: readonly A[], more: readonly A[], most: number): readonly A[] => (more.length === 0 ? all : [...all, ...more].slice(-most))

/** The timeline before anything is known. */
export const emptyTimeline = (since: number, keep: number): Timeline => ({ moments: [], journal: [], since, keep })

/** The last moment; `undefined` before the first. */
export const latest = ({ moments }: Timeline): BoardMoment | undefined => moments.at(-1)

/** A line about the board or an operator. */
export const noted = (timeline: Timeline, entry: JournalEntry): Timeline => ({ ...timeline, journal: appended(timeline.journal, [entry], mostEntries) })

/** The timeline after a snapshot; the same (`===`) if nothing visible has changed. A snapshot of an older revision means that the history was replaced: only this moment is left. */
export const advanced = (timeline: Timeline, snapshot: Snapshot<unknown>, at: number | undefined): Timeline => {
  const { since, keep, moments, journal } = timeline
  const before = latest(timeline)
  const seen = { at, since, keep }
  if (before === undefined) return { ...timeline, moments: [firstMoment(snapshot, seen)] }
  const isReplaced = snapshot.revision < before.revision
  const replaced: readonly JournalEntry[] = isReplaced ? [{ type: 'replaced', service: '', id: '', text: 'the history was replaced', revision: snapshot.revision, at }] : []
  const next = nextMoment(before, snapshot, seen)
  if (next === before) return isReplaced ? { ...timeline, moments: [{ ...before, revision: snapshot.revision }], journal: appended(journal, replaced, mostEntries) } : timeline
  return {
    ...timeline,
    moments: isReplaced ? [next] : appended(moments, [next], mostMoments),
    journal: appended(journal, [...replaced, ...next.entries], mostEntries),
  }
}

/** The timeline at a later time: departed instances that have been shown for long enough go from the last moment. */
export const aged = (timeline: Timeline, at: number): Timeline => {
  const last = latest(timeline)
  const next = last && pruned(last, { at, since: timeline.since, keep: timeline.keep })
  return next === last || next === undefined ? timeline : { ...timeline, moments: [...timeline.moments.slice(0, -1), next] }
}

/** Which moment shows a revision: its index; −1 if it is older than the first one. */
export const indexAt = ({ moments }: Timeline, revision: Revision): number => {
  let [low, high] = [0, moments.length]
  while (low < high) {
    const middle = (low + high) >> 1
    if ((moments[middle]?.revision ?? 0) <= revision) low = middle + 1
    else high = middle
  }
  return low - 1
}

/** What had happened up to a revision, latest first; without one, everything. */
export const journalUpTo = ({ journal }: Timeline, revision: Revision | undefined): readonly JournalEntry[] =>
  [...(revision === undefined ? journal : journal.filter(entry => entry.revision <= revision))].reverse()
