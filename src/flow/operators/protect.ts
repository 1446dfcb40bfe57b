import { asyncScheduler, Observable, type MonoTypeOperatorFunction, type Subscription } from 'rxjs'
import { checkedDurations, checkedShare } from '../../core/arguments.js'
import { aged, judged, nextLeave, unprotected } from '../../core/sets/protection.js'
import type { ServiceSet } from '../../core/sets/service-set.js'
import { now } from '../clock.js'

/** Options of {@link protect}. */
export interface ProtectOptions {
  /** How long one who vanished is held at most, and within which time losses are added up, ms. @default 30000 */
  readonly grace?: number
  /** Which share of a set may vanish within `grace` unquestioned, 0 to 1; one always may, unless it is 0. @default 0.25 */
  readonly maxLoss?: number
}

/**
 * Holds who vanished in masses, which is a fault of the control plane and not the death of them all: what vanishes within `grace` beyond `maxLoss`
 * stays in the set, its id in `held`, until it comes back, is replaced, or `grace` has passed. Who was `draining` or `down` is never held.
 */
export const protect =
  <M>({ grace = 30_000, maxLoss = 0.25 }: ProtectOptions = {}): MonoTypeOperatorFunction<ServiceSet<M>> =>
  source =>
    new Observable<ServiceSet<M>>(subscriber => {
      const wrong = checkedDurations({ grace }) ?? checkedShare({ maxLoss })
      if (wrong !== undefined) {
        subscriber.error(wrong)
        return
      }
      const guard = { grace, maxLoss }
      let protection = unprotected<M>('')
      let due: number | undefined
      let leaving: Subscription | undefined
      const wait = (): void => {
        const next = nextLeave(protection, guard)
        if (next === due) return
        leaving?.unsubscribe()
        due = next
        leaving = next === undefined ? undefined : asyncScheduler.schedule(leave, Math.ceil(Math.max(0, next - now())))
      }
      const leave = (): void => {
        const { result } = protection
        protection = aged(protection, now(), guard)
        // a timer may be early by a fraction of a millisecond: then it waits again
        due = undefined
        wait()
        if (protection.result !== result) subscriber.next(protection.result)
      }
      subscriber.add(() => leaving?.unsubscribe())
      subscriber.add(
        source.subscribe({
          next: set => {
            protection = judged(protection, set, now(), guard)
            wait()
            subscriber.next(protection.result)
          },
          error: (error: unknown) => subscriber.error(error),
          complete: () => subscriber.complete(),
        }),
      )
    })
