import { asyncScheduler, Subscription } from 'rxjs'
import { now } from './clock.js'
import { longest } from './wait.js'

/** A moment that is put off again and again, at no cost: the timer is set anew only when it rings too early. */
export interface Deadline {
  /** It passes in so many ms, unless it is put off before. */
  readonly in: (ms: number) => void
  /** Does not wait for the timer, should it have passed: what comes at that very moment comes after. */
  readonly check: () => void
  readonly cancel: () => void
}

/** Calls `missed` when the deadline passes. */
export const deadline = (missed: () => void): Deadline => {
  let due = Infinity
  let rings = Infinity
  let timer = Subscription.EMPTY
  const check = (): void => {
    if (due > now()) return
    due = Infinity
    missed()
  }
  const set = (): void => {
    timer.unsubscribe()
    const left = Math.min(Math.max(0, due - now()), longest)
    rings = now() + left
    timer = asyncScheduler.schedule(ring, left)
  }
  const ring = (): void => {
    rings = Infinity
    check()
    if (due < Infinity) set()
  }
  return {
    check,
    in: ms => {
      due = now() + ms
      if (due < rings) set()
    },
    cancel: () => timer.unsubscribe(),
  }
}
