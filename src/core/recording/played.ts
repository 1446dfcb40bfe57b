import { Compacted, Rewound } from '../errors.js'
import { covers, type Change, type Range, type Revision } from '../store.js'
import type { SortedMap } from '../sorted-map/sorted-map.js'
import { withChanges, type Moment } from './moment.js'

/** The moments of a recording up to one of them, which is the present. */
export interface Played {
  readonly moments: readonly Moment[]
  readonly present: Moment
  readonly index: number
}

/** Throws `Rewound` if a revision is in the future. */
export const requireReached = ({ present }: Played, revision: Revision): void => {
  if (revision > present.revision) throw new Rewound(`revision ${revision} is in the future, the recording is at ${present.revision}`)
}

const requireReadable = (played: Played, revision: Revision): void => {
  requireReached(played, revision)
  const { present } = played
  if (revision < present.oldest) throw new Compacted(present.oldest)
}

/** The index of the first moment of the present history that is after a revision; the one after the present if there is none. */
const firstAfter = ({ moments, present, index }: Played, revision: Revision): number => {
  let first = index + 1
  for (let before = moments[first - 1]; before?.history === present.history && before.revision > revision; before = moments[first - 1]) first -= 1
  return first
}

/** The changes in a range after a revision. Throws `Rewound` if that is in the future, `Compacted` if it is before the recording. */
export const changesAfter = (played: Played, range: Range, from: Revision): readonly Change[] => {
  requireReadable(played, from)
  return played.moments.slice(firstAfter(played, from), played.index + 1).flatMap(({ changes }) => changes.filter(({ key, revision }) => revision > from && covers(range, key)))
}

/**
 * The entries at a past revision. Throws `Rewound` if that is in the future; `Compacted` with the next revision that can be read if it is before the recording, or in a time in
 * which the recorded registry was not followed.
 */
export const entriesAt = (played: Played, revision: Revision): SortedMap<Change> => {
  requireReadable(played, revision)
  const next = firstAfter(played, revision)
  const [before, after] = [played.moments[next - 1], next > played.index ? undefined : played.moments[next]]
  if (before === undefined) throw new Compacted(played.present.oldest)
  if (after === undefined || before.revision === revision) return before.entries
  if (after.isGap && after.changes.length > 0) throw new Compacted(after.revision)
  return withChanges(before.entries, after.changes.filter(change => change.revision <= revision))
}
