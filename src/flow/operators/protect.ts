import { Observable, type MonoTypeOperatorFunction, type Subscription } from 'rxjs'
import { duration, invalidOptions, share } from '../../core/arguments.js'
import { throwIfInvalid } from '../../core/validation.js'
import { initialProtection, nextExpiry, protectionAfterSet, protectionAt } from '../../core/sets/protection.js'
import type { ServiceSet } from '../../core/sets/service-set.js'
import { background, now } from '../clock.js'
import { subscribeWithin } from '../subscribe-within.js'

/** Options of {@link protect}. */
export interface ProtectOptions {
  /** How long the set keeps a vanished instance at most, and within which time losses are added up, ms. @default 30000 */
  readonly grace?: number
  /** Which share of a set may vanish within `grace`, from 0 to 1. One instance always may, unless the share is 0. @default 0.25 */
  readonly maxLoss?: number
}

/**
 * Keeps instances that vanish in masses: then the control plane is more likely at fault than all instances at once. If more than `maxLoss` of a set
 * vanishes within `grace`, the set keeps the rest, with their ids in `held`, until they come back, are replaced, or `grace` has passed. An instance
 * that was `draining` or `down` is never kept. Errors with `InvalidArgument`.
 *
 * @example discover(registry, 'web').pipe(protect({ grace: 30_000, maxLoss: 0.25 }))
 */
export const protect =
  <M>(options?: ProtectOptions): MonoTypeOperatorFunction<ServiceSet<M>> =>
  source =>
    new Observable<ServiceSet<M>>(subscriber => {
      throwIfInvalid(invalidOptions('protect', options, { grace: duration, maxLoss: share }))
      const { grace = 30_000, maxLoss = 0.25 } = options ?? {}
      const limits = { grace, maxLoss }
      let protection = initialProtection<M>('')
      let expiresAt: number | undefined
      let timer: Subscription | undefined
      const schedule = (): void => {
        const next = nextExpiry(protection, limits)
        if (next === expiresAt) return
        timer?.unsubscribe()
        expiresAt = next
        timer = next === undefined ? undefined : background.schedule(expire, Math.ceil(Math.max(0, next - now())))
      }
      const expire = (): void => {
        const { result } = protection
        protection = protectionAt(protection, now(), limits)
        // The timer may fire a fraction of a millisecond early; then nothing has expired, and it is set again.
        expiresAt = undefined
        schedule()
        if (protection.result !== result) subscriber.next(protection.result)
      }
      subscriber.add(() => timer?.unsubscribe())
      subscribeWithin(subscriber, source, {
        next: set => {
          protection = protectionAfterSet(protection, set, now(), limits)
          schedule()
          subscriber.next(protection.result)
        },
      })
    })
