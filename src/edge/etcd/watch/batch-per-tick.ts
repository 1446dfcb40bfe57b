import type { Subscriber } from 'rxjs'
import { now } from '../../../flow/clock.js'

/** The time of the last value, shared by all whose values arrive in the same ticks of the event loop. */
export interface TickTimes {
  /** When a subscriber last returned from a value, monotonic ms; `Infinity` while one runs. */
  doneAt: number
  /** How long it took, ms. */
  took: number
}

/**
 * A value that arrives sooner after the last one than this (ms), or sooner than its subscriber took, counts as one of the same tick.
 * A callback at the end of each tick would be exact, and cost 5 % of the CPU of an event (D-052).
 */
const soon = 0.2

/**
 * Emits the first value of a tick of the event loop at once, and joins all others of the tick into one. So a subscriber runs at most twice a tick,
 * however slow it is, and timers and sockets are served in between.
 */
export class BatchPerTick<A> {
  readonly #to: Subscriber<A>
  readonly #join: (values: readonly A[]) => A
  readonly #times: TickTimes
  #waiting: A[] = []
  #end: NodeJS.Immediate | undefined

  constructor(to: Subscriber<A>, join: (values: readonly A[]) => A, times: TickTimes) {
    this.#to = to
    this.#join = join
    this.#times = times
  }

  next(value: A): void {
    const { doneAt, took } = this.#times
    if (this.#end === undefined && now() - doneAt >= Math.max(soon, took)) this.#emit(value)
    else {
      this.#waiting.push(value)
      this.#end ??= setImmediate(() => this.flush())
    }
  }

  /** Emits the waiting values. */
  flush(): void {
    const values = this.#waiting
    this.cancel()
    if (values.length > 0) this.#emit(this.#join(values))
  }

  /** Drops the waiting values. */
  cancel(): void {
    clearImmediate(this.#end)
    this.#end = undefined
    this.#waiting = []
  }

  #emit(value: A): void {
    const times = this.#times
    const nested = times.doneAt === Infinity
    const began = now()
    // A value that arrives while a subscriber runs belongs to the same tick.
    times.doneAt = Infinity
    try {
      this.#to.next(value)
    } finally {
      if (!nested) {
        times.doneAt = now()
        times.took = times.doneAt - began
      }
    }
  }
}
