import { tap, type MonoTypeOperatorFunction } from 'rxjs'
import type { ServiceSet } from '../../core/sets/service-set.js'
import { channels } from '../channels.js'
import type { ReadableRegistry } from '../registry.js'

/** Publishes the sets of each value of a run, and that there are none when it has ended. */
export const published = <A>(registry: ReadableRegistry, setsOf: (value: A) => ReadonlyMap<string, ServiceSet>): MonoTypeOperatorFunction<A> => {
  const run = {}
  return tap({
    next: value => {
      if (channels.sets.hasSubscribers) channels.sets.publish({ run, registry, sets: setsOf(value) })
    },
    finalize: () => {
      if (channels.sets.hasSubscribers) channels.sets.publish({ run, registry, sets: new Map() })
    },
  })
}
