import { catchError, concat, concatMap, defer, EMPTY, ignoreElements, map, merge, NEVER, Observable, of, startWith, Subscription, switchMap, type MonoTypeOperatorFunction } from 'rxjs'
import type { Backoff } from '../../core/backoff.js'
import { Closed, Denied } from '../../core/errors.js'
import type { Status } from '../../core/instance/instance.js'
import { overrideKey, overridden, statusOf, type Desired } from '../../core/register/desired.js'
import { gatherListing } from '../gather-listing.js'
import { recover } from '../recover.js'
import type { ReadableRegistry } from '../registry.js'
import { signalsOf } from '../registry-signals.js'
import { nothing, subscribeWithin } from '../subscribe-within.js'
import { wait } from '../wait.js'

/** If the registration may not read the key of its override: how long until it tries again, ms. */
const deniedPause = 60_000

/**
 * The status that an operator wrote to `key`; `undefined` if there is none, or none that is a status. It emits once the key is read, or could not be read:
 * then the last known one stays, and it tries again. Never errors.
 */
const overrideAt = (registry: ReadableRegistry, key: string, backoff: Backoff): Observable<Status | undefined> => {
  let status: Status | undefined
  const { closed, returned } = signalsOf(registry)
  return defer(() => registry.list({ key })).pipe(
    gatherListing(),
    switchMap(({ revision, changes }) => {
      const watched = registry.watch({ key }, revision).pipe(concatMap(batch => batch.changes))
      return watched.pipe(startWith(changes.find(change => change.key === key)))
    }),
    map(change => (status = statusOf(change?.value))),
    recover({
      backoff,
      fatal: error => error instanceof Closed,
      interrupted: ({ error }) => concat(of(status), error instanceof Denied ? wait(deniedPause).pipe(ignoreElements()) : EMPTY),
      hasten: merge(closed, returned),
    }),
    catchError(() => NEVER),
  )
}

/** Follows the override of whichever instance is desired, and applies it. The first desired state waits until its override is known. */
export const withOverride =
  (registry: ReadableRegistry, backoff: Backoff): MonoTypeOperatorFunction<Desired> =>
  source =>
    new Observable(subscriber => {
      let desired: Desired | undefined
      let key: string | undefined
      let known = true
      let status: Status | undefined
      let following = Subscription.EMPTY
      const emit = (): void => {
        if (known && desired !== undefined) subscriber.next(overridden(desired, key === undefined || status === undefined ? undefined : { key, status }))
      }
      const next = (latest: Desired): void => {
        desired = latest
        const own = latest.instance === null ? undefined : overrideKey(latest.instance)
        const same = own === key
        if (!same) {
          following.unsubscribe()
          key = own
          known = own === undefined
          status = undefined
        }
        if (same || own === undefined) {
          emit()
          return
        }
        const learn = (found: Status | undefined): void => {
          if (known && found === status) return
          known = true
          status = found
          emit()
        }
        following = subscribeWithin(subscriber, overrideAt(registry, own, backoff), { next: learn, complete: nothing })
      }
      subscribeWithin(subscriber, source, { next, complete: nothing })
    })
