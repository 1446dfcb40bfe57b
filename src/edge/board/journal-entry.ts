import { fieldDifferences } from '#internal/core/sets/field-differences'
import { leased } from '#internal/core/instance/leased'
import type { SetContent } from '#internal/core/sets/service-set'
import { sameInstance } from '#internal/core/instance/instance'
import { SortedMap } from '#internal/core/sorted-map/sorted-map'
import type { Rejection, Revision, ServiceInstance, Status } from 'rx-discovery'

/** What happened to an instance or to an entry that cannot be read; or to the board itself: `stale`, `live`, `replaced`; or what an `operator` did. */
export type Happening = 'joined' | 'left' | 'updated' | 'rejected' | 'cleared' | 'stale' | 'live' | 'replaced' | 'operator'

/** One line of the journal. */
export interface JournalEntry {
  readonly type: Happening
  /** `''` if it concerns the board. */
  readonly service: string
  /** The id of the instance, or the key of an entry that cannot be read. */
  readonly id: string
  readonly text: string
  readonly revision: Revision
  /** When it was seen, epoch ms; `undefined`: before anything was recorded. */
  readonly at: number | undefined
  /** The instance after what happened to it, or before it left; absent if it concerns no instance, or is of an operator. */
  readonly instance?: ServiceInstance
  /** The status that an instance has since; absent if an update has not changed it. */
  readonly turned?: Status
}

/** The content of a service that is not there. */
export const noContentOf = (service: string): SetContent<unknown> => ({ service, instances: SortedMap.empty(), rejected: SortedMap.empty() })

const changed = (previous: ServiceInstance, instance: ServiceInstance): string => {
  const texts = fieldDifferences(previous, instance).map(({ field, before, after }) => `${field} ${before} → ${after}`)
  if (previous.incarnation !== instance.incarnation) texts.unshift('another process')
  if (leased(previous) !== leased(instance)) texts.push(leased(instance) ? 'has a lease' : 'has no lease')
  return texts.join(', ')
}

type Happened = Pick<JournalEntry, 'type' | 'text' | 'instance' | 'turned'>

const ofInstance = (before: ServiceInstance | undefined, after: ServiceInstance | undefined): Happened | undefined => {
  if (after === undefined) return before && { type: 'left', text: before.address, instance: before }
  if (before === undefined) return { type: 'joined', text: after.address, instance: after, turned: after.status }
  return sameInstance(before, after) ? undefined : { type: 'updated', text: changed(before, after), instance: after, ...(before.status !== after.status && { turned: after.status }) }
}

const ofRejection = (before: Rejection | undefined, after: Rejection | undefined): Happened | undefined => {
  if (after === undefined) return { type: 'cleared', text: 'is gone, or can be read now' }
  return before?.reason === after.reason ? undefined : { type: 'rejected', text: after.reason.includes('cannot be read') ? after.reason : `cannot be read: ${after.reason}` }
}

/** What happened to one service, sorted by id. The cost is that of what differs. */
export const entriesBetween = (before: SetContent<unknown>, after: SetContent<unknown>, revision: Revision, at: number | undefined): readonly JournalEntry[] => {
  const { service } = after
  const entry = (id: string, happened: Happened | undefined): readonly JournalEntry[] => (happened === undefined ? [] : [{ ...happened, service, id, revision, at }])
  return [
    ...SortedMap.difference(before.instances, after.instances).flatMap(each => entry(each.key, ofInstance(each.before, each.after))),
    ...[...new Set([...before.rejected.keys(), ...after.rejected.keys()])].flatMap(key => entry(key, ofRejection(before.rejected.get(key), after.rejected.get(key)))),
  ]
}
