import type { Subscriber, Subscription } from 'rxjs'
import type { Batch, Change } from '../../core/store.js'
import type { ReadableRegistry } from '../registry.js'
import { nothing, subscribeWithin } from '../subscribe-within.js'
import type { Observed } from './observed.js'

/** The watches of a registration's own keys, one for each that is there. If one fails, `to` errors. */
export class KeyWatches {
  readonly #registry: ReadableRegistry
  readonly #to: Subscriber<never>
  readonly #saw: (change: Change) => void
  readonly #open = new Map<string, Subscription>()

  constructor(registry: ReadableRegistry, to: Subscriber<never>, saw: (change: Change) => void) {
    this.#registry = registry
    this.#to = to
    this.#saw = saw
  }

  /** Watches exactly the keys that are there as far as was observed, each from where every change of it was seen. */
  follow(observed: Observed): void {
    const isPresent = (key: string): boolean => typeof observed.found.get(key)?.value === 'string'
    for (const [key, watching] of this.#open)
      if (!isPresent(key)) {
        watching.unsubscribe()
        this.#open.delete(key)
      }
    for (const key of observed.found.keys()) {
      if (this.#to.closed) return
      if (this.#open.has(key) || !isPresent(key)) continue
      const next = ({ changes, revision }: Batch): void => {
        for (const change of changes) if (change.key === key) this.#saw(change)
        observed.reached(key, revision)
      }
      this.#open.set(key, subscribeWithin(this.#to, this.#registry.watch({ key }, observed.revisionOf(key)), { next, complete: nothing }))
    }
  }
}
