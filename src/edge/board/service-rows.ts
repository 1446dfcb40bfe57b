import type { Rejection, ServiceInstance } from 'rx-discovery'
import type { Departed, Known, Track } from './board-moment.js'
import { fleetCounts, type FleetCounts } from './fleet-counts.js'
import { naturalOrder } from './natural-order.js'
import type { RowState } from './row-state.js'

/** One instance as a board shows it. */
export interface InstanceRow {
  readonly instance: ServiceInstance
  readonly state: RowState
  /** Whether it is not `up`. */
  readonly isSick: boolean
  readonly known: Known | undefined
  readonly departed: Departed | undefined
}

/** One service as a board shows it. */
export interface ServiceRows {
  readonly service: string
  /** Those that pass the filters, sorted by id; those that have left are among them. */
  readonly rows: readonly InstanceRow[]
  readonly rejected: readonly Rejection[]
  /** Of the whole service, whatever the filters hide. */
  readonly counts: FleetCounts
}

/** Whether nothing of a service needs attention: all its instances are up, and all entries can be read. What the filters hide counts, too. */
export const isWell = ({ counts: { states, instances, unreadable } }: ServiceRows): boolean => unreadable === 0 && states.gone === 0 && states.up === instances

/** How a row is named in links. */
export const rowName = ({ service, id }: Pick<ServiceInstance, 'service' | 'id'>): string => `${service}/${id}`

const present = (instance: ServiceInstance, known: Known | undefined): InstanceRow => ({
  instance,
  state: instance.status,
  isSick: instance.status !== 'up',
  known,
  departed: undefined,
})

const cache = new WeakMap<Track, ServiceRows>()

/** The rows of a service; the same object (`===`) for the same track. */
export const serviceRows = (track: Track): ServiceRows => {
  const cached = cache.get(track)
  if (cached !== undefined) return cached
  const { content, known, departed } = track
  const rows = [
    ...content.instances.toArray().map(instance => present(instance, known.get(instance.id))),
    ...departed.toArray().map((each): InstanceRow => ({ instance: each.instance, state: 'gone', isSick: true, known: undefined, departed: each })),
  ]
  rows.sort((a, b) => naturalOrder(a.instance.id, b.instance.id))
  const rejected = [...content.rejected.values()].sort((a, b) => naturalOrder(a.key, b.key))
  const made = { service: content.service, rows, rejected, counts: fleetCounts([{ rows, rejected }]) }
  cache.set(track, made)
  return made
}
