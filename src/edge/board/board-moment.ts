import type { SetContent } from '#internal/core/sets/service-set'
import { SortedMap } from '#internal/core/sorted-map/sorted-map'
import type { Snapshot } from '#internal/core/view/projection'
import type { Revision, ServiceInstance } from 'rx-discovery'
import { entriesBetween, noContentOf, type JournalEntry } from './journal-entry.js'

/** What is known of one instance beyond its fields. */
export interface Known {
  /** When it was first seen, epoch ms. */
  readonly since: number
  /** Whether it appeared then. If not, it was there already, so that it is at least that old. */
  readonly exact: boolean
  /** The last thing that happened to it. */
  readonly last: JournalEntry | undefined
}

/** An instance that has left, and is still shown. */
export interface Departed {
  readonly instance: ServiceInstance
  readonly entry: JournalEntry
  /** The number of the moment in which it left. */
  readonly order: number
}

/** A service over time. It stays the same (`===`) while nothing happens to it. */
export interface Track {
  readonly content: SetContent<unknown>
  readonly known: SortedMap<Known>
  readonly departed: SortedMap<Departed>
}

/** All services as of a revision that changed something. Immutable; two moments share what is equal. */
export interface BoardMoment {
  readonly revision: Revision
  /** When it was seen, epoch ms; `undefined`: before anything was recorded. */
  readonly at: number | undefined
  /** The number of the moment, counted from 0. */
  readonly order: number
  /** By name. Services of which only departed instances are left are there, too. */
  readonly tracks: SortedMap<Track>
  readonly services: Snapshot<unknown>['services']
  /** By key: for leases. */
  readonly keys: Snapshot<unknown>['entries']
  /** What happened at this revision. */
  readonly entries: readonly JournalEntry[]
}

/** What of a snapshot a moment shows. */
export type ShownSnapshot = Pick<Snapshot<unknown>, 'revision' | 'services' | 'entries'>

/** What a moment is made from, besides a snapshot. */
export interface Sighting {
  readonly at: number | undefined
  /** Since when times are known, epoch ms. */
  readonly since: number
  /** How long departed instances are shown, ms. */
  readonly keep: number
}

/** In moments without a time: for how many of them departed instances are shown. */
const keptMoments = 10

const isOver = ({ entry, order }: Departed, { at, since, keep }: Sighting, now: number): boolean =>
  at === undefined ? now - order >= keptMoments : at - (entry.at ?? since) >= keep

const emptyTrack = (service: string): Track => ({ content: noContentOf(service), known: SortedMap.empty(), departed: SortedMap.empty() })

const without = <A>(map: SortedMap<A>, isUnwanted: (value: A) => boolean): SortedMap<A> => {
  let rest = map
  for (const [key, value] of map) if (isUnwanted(value)) rest = rest.delete(key)
  return rest
}

/** The first track of a service: everything was there already. */
const begun = (content: SetContent<unknown>, since: number): Track => ({
  content,
  known: content.instances.map(() => ({ since, exact: false, last: undefined })),
  departed: SortedMap.empty(),
})

const tracked = (before: Track, content: SetContent<unknown>, entries: readonly JournalEntry[], order: number, { at, since }: Sighting): Track => {
  let { known, departed } = before
  for (const entry of entries) {
    const { type, id } = entry
    if (type === 'left') {
      const instance = before.content.instances.get(id)
      known = known.delete(id)
      if (instance !== undefined) departed = departed.set(id, { instance, entry, order })
    } else if (type === 'joined') {
      known = known.set(id, { since: at ?? since, exact: at !== undefined, last: entry })
      departed = departed.delete(id)
    } else if (type === 'updated') {
      // Another incarnation is another process.
      const same = before.content.instances.get(id)?.incarnation === content.instances.get(id)?.incarnation
      const former = known.get(id)
      known = known.set(id, same && former !== undefined ? { ...former, last: entry } : { since: at ?? since, exact: at !== undefined, last: entry })
    }
  }
  return { content, known, departed }
}

const isEmpty = ({ content, departed }: Track): boolean => content.instances.size === 0 && content.rejected.size === 0 && departed.size === 0

const put = (tracks: SortedMap<Track>, service: string, track: Track): SortedMap<Track> => (isEmpty(track) ? tracks.delete(service) : tracks.set(service, track))

/** The moment without departed instances that have been shown for long enough; the same (`===`) if there are none. */
export const pruned = (moment: BoardMoment, seen: Sighting): BoardMoment => {
  let { tracks } = moment
  for (const [service, track] of moment.tracks) {
    if (track.departed.size === 0) continue
    const departed = without(track.departed, each => isOver(each, seen, moment.order))
    if (departed !== track.departed) tracks = put(tracks, service, { ...track, departed })
  }
  return tracks === moment.tracks ? moment : { ...moment, tracks }
}

/** The first moment: nothing has happened yet. */
export const firstMoment = ({ revision, services, entries: keys }: ShownSnapshot, { at, since }: Sighting): BoardMoment => ({
  revision,
  at,
  order: 0,
  tracks: services.map(content => begun(content, since)),
  services,
  keys,
  entries: [],
})

/** The moment after another one; the one before (`===`) if nothing visible has changed. The cost is that of what differs. */
export const nextMoment = (before: BoardMoment, { revision, services, entries: keys }: ShownSnapshot, seen: Sighting): BoardMoment => {
  const order = before.order + 1
  let { tracks } = before
  const entries: JournalEntry[] = []
  for (const { key: service, after } of SortedMap.difference(before.services, services)) {
    const track = tracks.get(service) ?? emptyTrack(service)
    const content = after ?? noContentOf(service)
    const happened = entriesBetween(track.content, content, revision, seen.at)
    entries.push(...happened)
    tracks = put(tracks, service, tracked(track, content, happened, order, seen))
  }
  if (entries.length === 0) return before
  return pruned({ revision, at: seen.at, order, tracks, services, keys, entries }, seen)
}
