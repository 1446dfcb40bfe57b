import { NEVER, type Observable } from 'rxjs'

/**
 * Two events of a registry that end a pause between two tries early. They are not part of the port: without them, a registry works, and recovers only as
 * fast as the backoff allows.
 */
export interface RegistrySignals {
  /** Emits nothing, and errors `Closed` once the registry is closed. */
  readonly closed: Observable<never>
  /** Emits when a registry answers again after an outage. */
  readonly returned: Observable<unknown>
}

const silent: RegistrySignals = { closed: NEVER, returned: NEVER }
const signals = new WeakMap<object, RegistrySignals>()

/** Attaches signals to a registry, and returns the registry. A copy of it, or a registry that wraps it, does not have them. */
export const withSignals = <R extends object>(registry: R, own: RegistrySignals): R => {
  signals.set(registry, own)
  return registry
}

/** Whether a registry is closed by now; undefined if it has no signals. */
export const isClosed = (registry: object): boolean | undefined => {
  const known = signals.get(registry)
  if (known === undefined) return undefined
  let closed = false
  known.closed.subscribe({ error: () => (closed = true) }).unsubscribe()
  return closed
}

/** The signals of a registry; if it has none, signals that never emit. */
export const signalsOf = (registry: object): RegistrySignals => signals.get(registry) ?? silent
