import type { Revision } from 'rx-discovery'
import { isSameHistory, outdated } from './board-revision.js'
import type { JournalEntry } from './journal-entry.js'
import { firstMoment, nextMoment, pruned, type BoardMoment, type ShownSnapshot } from './board-moment.js'

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

/** How many moments are kept. */
const mostMoments = 20_000
/** How many lines of the journal are kept. */
export const mostEntries = 5_000

const appended = <A>(all: readonly A[], more: readonly A[], most: number): readonly A[] => {
  if (more.length === 0) return all
  const both = [...all, ...more]
  return both.length > most ? both.slice(-most) : both
}

/** The timeline before anything is known. */
export const emptyTimeline = (since: number, keep: number): Timeline => ({ moments: [], journal: [], since, keep })

/** The last moment; `undefined` before the first. */
export const latest = ({ moments }: Timeline): BoardMoment | undefined => moments.at(-1)

/** A line about the board or an operator. */
export const noted = (timeline: Timeline, entry: JournalEntry): Timeline => ({ ...timeline, journal: appended(timeline.journal, [entry], mostEntries) })

/** The moments and the journal of before the history was replaced. */
const ofBefore = (timeline: Timeline): Timeline => {
  const aside = <A extends { readonly revision: Revision }>(all: readonly A[]): readonly A[] => all.map(each => ({ ...each, revision: outdated(each.revision) }))
  return { ...timeline, moments: aside(timeline.moments), journal: aside(timeline.journal) }
}

/** The timeline after a snapshot; the same (`===`) if nothing visible has changed. A snapshot of an older revision means that the history was replaced. */
export const advanced = (timeline: Timeline, snapshot: ShownSnapshot, at: number | undefined): Timeline => {
  const { since, keep } = timeline
  const { revision } = snapshot
  const before = latest(timeline)
  const seen = { at, since, keep }
  if (before === undefined) return { ...timeline, moments: [firstMoment(snapshot, seen)] }
  const next = nextMoment(before, snapshot, seen)
  if (revision < before.revision) {
    const { moments, journal } = ofBefore(timeline)
    const replaced: JournalEntry = { type: 'replaced', service: '', id: '', text: 'the history was replaced', revision, at }
    const moment = next === before ? { ...before, at, revision, order: before.order + 1, entries: [] } : next
    return { ...timeline, moments: appended(moments, [moment], mostMoments), journal: appended(journal, [replaced, ...moment.entries], mostEntries) }
  }
  if (next === before) return timeline
  return { ...timeline, moments: appended(timeline.moments, [next], mostMoments), journal: appended(timeline.journal, next.entries, mostEntries) }
}

/**
 * A timeline that was recorded, together with one of the same registry that was seen: the recorded one up to the first moment that was seen. All that was seen is played again
 * after it, so that ages reach back into what was recorded.
 */
export const joined = (recorded: Timeline, seen: Timeline): Timeline => {
  const [first] = seen.moments
  if (recorded.moments.length === 0 || first === undefined) return { ...(first === undefined ? recorded : seen), journal: [...recorded.journal, ...seen.journal] }
  const isBefore = ({ revision, at = 0 }: Pick<JournalEntry, 'revision' | 'at'>): boolean => revision <= first.revision && at < (first.at ?? Infinity)
  const past = { ...recorded, moments: recorded.moments.filter(isBefore), journal: recorded.journal.filter(isBefore) }
  const played = seen.moments.reduce<Timeline>((timeline, moment) => advanced(timeline, { ...moment, entries: moment.keys }, moment.at), past)
  const notes = seen.journal.filter(({ service }) => service === '')
  return { ...played, journal: [...played.journal, ...notes].sort((a, b) => (a.at ?? 0) - (b.at ?? 0)) }
}

/** The timeline at a later time: departed instances that have been shown for long enough go from the last moment. */
export const aged = (timeline: Timeline, at: number): Timeline => {
  const last = latest(timeline)
  const next = last && pruned(last, { at, since: timeline.since, keep: timeline.keep })
  return next === last || next === undefined ? timeline : { ...timeline, moments: [...timeline.moments.slice(0, -1), next] }
}

/** Which moment shows a revision: its index; −1 if it is older than the first one of its history. */
export const indexAt = ({ moments }: Timeline, revision: Revision): number => {
  let [low, high] = [0, moments.length]
  while (low < high) {
    const middle = (low + high) >> 1
    if ((moments[middle]?.revision ?? 0) <= revision) low = middle + 1
    else high = middle
  }
  const found = moments[low - 1]
  return found !== undefined && isSameHistory(found.revision, revision) ? low - 1 : -1
}

/** What had happened up to a revision, latest first; without one, everything. */
export const journalUpTo = ({ journal }: Timeline, revision: Revision | undefined): readonly JournalEntry[] =>
  [...(revision === undefined ? journal : journal.filter(entry => entry.revision <= revision))].reverse()
