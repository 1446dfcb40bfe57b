import type { Rejection } from './format.js'
import type { ServiceInstance } from './instance.js'
import type { Revision } from './store.js'

/** Why a set is not live, since when (epoch ms), at which attempt, and when the next one comes (epoch ms). */
export interface Trouble {
  readonly error: Error
  readonly since: number
  readonly attempt: number
  readonly retryAt: number
  readonly host?: string
}

/** `pending`: nothing is known yet; `live`: true at `revision`; `stale`: last known, see `trouble`. */
export type SetStatus = 'pending' | 'live' | 'stale'

/** The instances of a service as they were at one revision. Never changes; iterates sorted by id. */
export interface ServiceSet<M = unknown> extends Iterable<ServiceInstance<M>> {
  readonly service: string
  readonly status: SetStatus
  readonly revision: Revision
  readonly size: number
  readonly get: (id: string) => ServiceInstance<M> | undefined
  readonly has: (id: string) => boolean
  /** The entries that could not be read, by key. */
  readonly rejected: ReadonlyMap<string, Rejection>
  /** The ids that only `protect` still keeps. */
  readonly held: ReadonlySet<string>
  readonly trouble: Trouble | undefined
  /** When etcd last confirmed this, epoch ms; 0 while pending. */
  readonly asOf: number
  readonly toArray: () => readonly ServiceInstance<M>[]
  readonly toJSON: () => unknown
}
