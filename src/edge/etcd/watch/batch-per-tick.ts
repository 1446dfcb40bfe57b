import type { Subscriber } from 'rxjs'
import { now } from '../../../flow/clock.js'

/** What those have in common whose values come in the same turns of the event loop. */
export interface Turns {
  /** When one of them was last done with a value, monotonic ms; `Infinity` while it is told one. */
  doneAt: number
  /** How long that took, ms. */
  took: number
}

/**
 * What comes sooner after the last one (ms), or sooner than that took, is taken to come in the same turn: to mark the end of each turn would cost
 * as much as all else that is done with a value.
 */
const soon = 0.2

/**
 * Hands on the first value of a turn of the event loop at once, and all that follow in the same turn joined into one: however long a subscriber
 * takes over each, it takes it twice a turn at most, and timers and sockets get theirs.
 */
export class BatchPerTick<A> {
  readonly #to: Subscriber<A>
  readonly #join: (values: readonly A[]) => A
  readonly #turns: Turns
  #waiting: A[] = []
  #end: NodeJS.Immediate | undefined

  constructor(to: Subscriber<A>, join: (values: readonly A[]) => A, turns: Turns) {
    this.#to = to
    this.#join = join
    this.#turns = turns
  }

  next(value: A): void {
    const { doneAt, took } = this.#turns
    if (this.#end === undefined && now() - doneAt >= Math.max(soon, took)) this.#handOn(value)
    else {
      this.#waiting.push(value)
      this.#end ??= setImmediate(() => this.flush())
    }
  }

  /** Hands on what waits. */
  flush(): void {
    const values = this.#waiting
    this.cancel()
    if (values.length > 0) this.#handOn(this.#join(values))
  }

  /** Forgets what waits. */
  cancel(): void {
    clearImmediate(this.#end)
    this.#end = undefined
    this.#waiting = []
  }

  #handOn(value: A): void {
    const turns = this.#turns
    const nested = turns.doneAt === Infinity
    const began = now()
    // What comes while a subscriber is told comes in the same turn.
    turns.doneAt = Infinity
    try {
      this.#to.next(value)
    } finally {
      if (!nested) {
        turns.doneAt = now()
        turns.took = turns.doneAt - began
      }
    }
  }
}
