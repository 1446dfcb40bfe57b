import { asyncScheduler } from 'rxjs'
import { exponential, type Backoff } from '../core/backoff.js'

/** How time passes at a registry. */
export interface RegistryTime {
  /** The wall clock by which sets of this registry are stamped, epoch ms: that of a recording shows when something was seen. */
  readonly wall: () => number
  /** The default pauses between tries. */
  readonly backoff: () => Backoff
}

const real: RegistryTime = { wall: () => asyncScheduler.now(), backoff: () => exponential() }
const times = new WeakMap<object, RegistryTime>()

/** Attaches a time to a registry that has one of its own, and returns the registry. A copy of it, or a registry that wraps it, has the real one. */
export const withTime = <R extends object>(registry: R, time: RegistryTime): R => {
  times.set(registry, time)
  return registry
}

/** The time of a registry: by default the real one, inside `virtually` the virtual one. */
export const timeOf = (registry: object): RegistryTime => times.get(registry) ?? real
