import { Subscription } from 'rxjs'
import { now, timers } from '../clock.js'
import { longestDelay } from '../../core/arguments.js'

/** Deadlines by one timer, since there may be thousands that are put off again and again: it is set for the first of them, and looks at all when it rings. */
class Deadlines {
  readonly #set = new Set<Deadline>()
  #rings = Infinity
  #timer = Subscription.EMPTY

  heed(deadline: Deadline): void {
    this.#set.add(deadline)
    if (deadline.due < this.#rings) this.#ringAt(deadline.due)
  }

  drop(deadline: Deadline): void {
    if (!this.#set.delete(deadline) || this.#set.size > 0) return
    this.#timer.unsubscribe()
    this.#rings = Infinity
  }

  #ringAt(at: number): void {
    this.#timer.unsubscribe()
    const left = Math.min(Math.max(0, at - now()), longestDelay)
    this.#rings = now() + left
    this.#timer = timers.schedule(() => this.#ring(), left)
  }

  #ring(): void {
    this.#rings = Infinity
    for (const deadline of this.#set) deadline.check()
    // Only now: who is told that one has passed may cancel others.
    let next = Infinity
    for (const { due } of this.#set) next = Math.min(next, due)
    if (next < this.#rings) this.#ringAt(next)
  }
}

/** A moment that is put off again and again, at no cost. */
export class Deadline {
  /** Monotonic ms. */
  due = Infinity
  readonly #missed: () => void
  readonly #among: Deadlines

  /** Calls `missed` when it passes. */
  constructor(missed: () => void, among: Deadlines) {
    this.#missed = missed
    this.#among = among
  }

  /** It passes in so many ms, unless it is put off before. */
  in(ms: number): void {
    this.due = now() + ms
    this.#among.heed(this)
  }

  /** Does not wait for the timer, should it have passed: what comes at that very moment comes after. */
  check(): void {
    if (this.due > now()) return
    this.due = Infinity
    this.#missed()
  }

  cancel(): void {
    this.due = Infinity
    this.#among.drop(this)
  }
}

const owners = new WeakMap<object, Deadlines>()

/** A deadline that shares its timer with all others of its owner; `missed` is called when it passes. */
export const deadline = (owner: object, missed: () => void): Deadline => {
  const among = owners.get(owner) ?? new Deadlines()
  owners.set(owner, among)
  return new Deadline(missed, among)
}
