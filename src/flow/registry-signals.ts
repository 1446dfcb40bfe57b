import { NEVER, type Observable } from 'rxjs'

/** Two events of a registry that end a pause between two tries early. They are no part of the port: a registry works without them, only slower. */
export interface RegistrySignals {
  /** Emits nothing, and errors `Closed` once the registry is closed. */
  readonly closed: Observable<never>
  /** Emits when a registry that was away answers again; never while it is there. */
  readonly returned: Observable<unknown>
}

const silent: RegistrySignals = { closed: NEVER, returned: NEVER }
const announced = new WeakMap<object, RegistrySignals>()

/** Attaches signals to a registry; returns the registry. */
export const withSignals = <R extends object>(registry: R, signals: RegistrySignals): R => {
  announced.set(registry, signals)
  return registry
}

/** The signals of a registry; silent ones if it has none, such as a registry that wraps another one. */
export const signalsOf = (registry: object): RegistrySignals => announced.get(registry) ?? silent
