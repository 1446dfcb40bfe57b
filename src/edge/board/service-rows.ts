import type { Rejection, ServiceInstance, Status } from 'rx-discovery'
import type { Departed, Known, Track } from './board-moment.js'

/** The status of an instance, or that it has left. */
export type RowState = Status | 'gone'

/** All of them, the worst first. */
export const rowStates: readonly RowState[] = ['down', 'gone', 'starting', 'draining', 'up']

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
  /** Sorted by id; those that have left are among them. */
  readonly rows: readonly InstanceRow[]
  readonly rejected: readonly Rejection[]
}

/** Whether nothing of a service needs attention: all its instances are up, and all entries can be read. */
export const isWell = ({ rows, rejected }: Pick<ServiceRows, 'rows' | 'rejected'>): boolean => rejected.length === 0 && rows.every(({ isSick }) => !isSick)

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
  if (departed.size > 0) rows.sort((a, b) => (a.instance.id < b.instance.id ? -1 : 1))
  const made = { service: content.service, rows, rejected: [...content.rejected.values()] }
  cache.set(track, made)
  return made
}

/** How many rows are in each state. */
export const countStates = (rows: Iterable<InstanceRow>): Readonly<Record<RowState, number>> => {
  const counts = { up: 0, starting: 0, draining: 0, down: 0, gone: 0 }
  for (const { state } of rows) counts[state] += 1
  return counts
}
