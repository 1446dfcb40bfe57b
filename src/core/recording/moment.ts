import type { Change, Revision } from '../store.js'
import { SortedMap } from '../sorted-map/sorted-map.js'
import { completedChanges } from '../wire/completed-changes.js'
import type { WireChange, WireChanges, WireTrouble } from '../wire/wire-event.js'
import type { Recorded } from './recorded-event.js'

/** What was known at one time of a recording. Immutable; one moment shares with the next what is equal. */
export interface Moment {
  /** When, epoch ms; never before the moment before. */
  readonly at: number
  readonly cluster: string
  /** 0: nothing has been listed yet. */
  readonly revision: Revision
  /** The digest of all entries, if the recording has it. */
  readonly digest: string | undefined
  /** All entries, by key. */
  readonly entries: SortedMap<Change>
  /** What has changed since the moment before, by revision. */
  readonly changes: readonly Change[]
  /** Whether `changes` is only the difference over a time in which the registry was not followed. */
  readonly isGap: boolean
  /** The number of the history: another one if it was replaced. */
  readonly history: number
  /** The oldest revision of this history that the recording has. */
  readonly oldest: Revision
  /** While the registry did not answer: why. */
  readonly trouble: WireTrouble | undefined
  /** How often watches have been interrupted so far, and why they were the last time. */
  readonly interruptions: number
  readonly interruption: WireTrouble
}

/** A position in a recording: the latest moment, and the parts of the next one. */
export interface Position {
  readonly moment: Moment
  readonly parts: (WireChanges & { readonly type: 'listing' | 'batch' }) | undefined
}

/** The position before a recording. */
export const beginning: Position = {
  moment: {
    ...{ at: -Infinity, cluster: '', revision: 0, digest: undefined, entries: SortedMap.empty(), changes: [], isGap: false, history: 0, oldest: 0 },
    ...{ trouble: undefined, interruptions: 0, interruption: { error: 'Disconnected' } },
  },
  parts: undefined,
}

const rewound: WireTrouble = { error: 'Rewound' }

const interrupted = (moment: Moment, interruption: WireTrouble): Moment => ({ ...moment, interruption, interruptions: moment.interruptions + 1 })

/** The changes with their values, those without one having that of before; by revision. */
const completed = (entries: SortedMap<Change>, changes: readonly WireChange[]): readonly Change[] =>
  completedChanges(changes, key => entries.get(key)?.value)
    .filter(change => change !== undefined)
    .sort((a, b) => a.revision - b.revision)

/** Entries after changes. */
export const withChanges = (entries: SortedMap<Change>, changes: readonly Change[]): SortedMap<Change> =>
  changes.reduce((map, change) => (change.value === null ? map.delete(change.key) : map.set(change.key, change)), entries)

const sameEntry = (a: Change | undefined, b: Change | undefined): boolean => a?.revision === b?.revision && a?.value === b?.value && a?.lease === b?.lease

const afterListing = (before: Moment, { cluster, revision, changes }: WireChanges): Moment => {
  const listed = SortedMap.by(completed(SortedMap.empty(), changes).filter(({ value }) => value !== null), ({ key }) => key)
  const differences = SortedMap.difference(before.entries, listed).filter(({ before: was, after: is }) => !sameEntry(was, is))
  // A history goes on if nothing in the listing should have been known before.
  const goesOn = before.revision > 0 && before.trouble?.error !== 'Rewound' && revision >= before.revision && differences.every(({ after: is }) => is === undefined || is.revision > before.revision)
  if (goesOn) {
    const between = differences.map(({ key, after: is }): Change => is ?? { key, value: null, revision, lease: '0' })
    const ordered = completed(before.entries, between)
    return { ...before, cluster, revision, entries: withChanges(before.entries, ordered), changes: ordered, isGap: true, trouble: undefined }
  }
  const isFirst = before.revision === 0
  const moment = isFirst || before.trouble?.error === 'Rewound' ? before : interrupted(before, rewound)
  return { ...moment, cluster, revision, entries: listed, changes: [], isGap: true, history: isFirst ? 0 : before.history + 1, oldest: revision, trouble: undefined }
}

const afterBatch = (before: Moment, { cluster, revision, changes: rows }: WireChanges): Moment => {
  const changes = completed(before.entries, rows)
  // After trouble, a bridge lists everything and sends what differs.
  return { ...before, cluster, revision: Math.max(before.revision, revision), entries: withChanges(before.entries, changes), changes, isGap: before.trouble !== undefined, trouble: undefined }
}

/** The position after an event. The moment is the same object as long as no event of the next one, the last of its parts, has come. */
export const positionAfter = ({ moment, parts }: Position, { at: seenAt, event, id }: Recorded): Position => {
  const at = Math.max(moment.at, seenAt)
  switch (event.type) {
    case 'trouble': {
      const { error, since, revision } = event
      const trouble: WireTrouble = { error, ...(since !== undefined && { since }), ...(revision !== undefined && { revision }) }
      return { moment: { ...interrupted(moment, trouble), at, trouble, changes: [], isGap: false }, parts: undefined }
    }
    case 'listing':
    case 'batch': {
      // Without its beginning, a recording shows nothing before the next listing.
      if (event.type === 'batch' && moment.revision === 0) return { moment, parts: undefined }
      const more = parts?.type === event.type && parts.revision === event.revision ? [...parts.changes, ...event.changes] : event.changes
      const whole = { ...event, changes: more }
      if (id === undefined) return { moment, parts: whole }
      return { moment: { ...(event.type === 'listing' ? afterListing : afterBatch)(moment, whole), at, digest: id.digest }, parts: undefined }
    }
    case 'progress':
      if (id === undefined || moment.revision === 0) return { moment, parts }
      return { moment: { ...moment, at, revision: Math.max(moment.revision, id.revision), digest: id.digest, changes: [], isGap: false }, parts: undefined }
    case 'check':
      return { moment, parts }
  }
}
