import { defer, finalize, type MonoTypeOperatorFunction } from 'rxjs'
import type { ReadableRegistry } from '../registry.js'
import { warn } from '../warn.js'

/** More watches of one prefix on one registry at once are most likely a mistake: `discover` or `balance` is called for each request. */
const many = 20

interface Open {
  /** The open watches, by prefix. */
  readonly counts: Map<string, number>
  warned: boolean
}

const registries = new WeakMap<ReadableRegistry, Open>()

/** Warns, once for each registry, if many watches of one prefix are open at the same time. */
export const warnOfMany =
  <T>(registry: ReadableRegistry, prefix: string): MonoTypeOperatorFunction<T> =>
  source =>
    defer(() => {
      const open = registries.get(registry) ?? { counts: new Map<string, number>(), warned: false }
      registries.set(registry, open)
      const add = (change: number): number => {
        const count = (open.counts.get(prefix) ?? 0) + change
        if (count === 0) open.counts.delete(prefix)
        else open.counts.set(prefix, count)
        return count
      }
      if (add(1) > many && !open.warned) {
        open.warned = true
        warn('RX_DISCOVERY_MANY_WATCHES', `more than ${many} watches of ${prefix} are open on one registry: call discover() and balance() once, not for each request, and share the results`)
      }
      return source.pipe(finalize(() => add(-1)))
    })
