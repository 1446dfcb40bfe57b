import type { Subscriber } from 'rxjs'

/**
 * Hands on the first value of a turn of the event loop at once, and all that follow in the same turn joined into one: however long a subscriber
 * takes over each, it takes it twice a turn at most, and timers and sockets get theirs.
 */
export class PerTurn<A> {
  readonly #to: Subscriber<A>
  readonly #join: (values: readonly A[]) => A
  #waiting: A[] = []
  #turn: NodeJS.Immediate | undefined

  constructor(to: Subscriber<A>, join: (values: readonly A[]) => A) {
    this.#to = to
    this.#join = join
  }

  next(value: A): void {
    if (this.#turn !== undefined) this.#waiting.push(value)
    else {
      this.#turn = setImmediate(() => this.flush())
      this.#to.next(value)
    }
  }

  /** Hands on what waits. */
  flush(): void {
    clearImmediate(this.#turn)
    this.#turn = undefined
    if (this.#waiting.length === 0) return
    const values = this.#waiting
    this.#waiting = []
    this.#to.next(this.#join(values))
  }

  /** Forgets what waits. */
  cancel(): void {
    clearImmediate(this.#turn)
    this.#waiting = []
  }
}
