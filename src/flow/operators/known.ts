import { Observable, type MonoTypeOperatorFunction } from 'rxjs'
import { Closed } from '../../core/errors.js'
import type { ServiceSet } from '../../core/sets/service-set.js'
import { subscribeWithin } from '../subscribe-within.js'

/**
 * Skips pending sets, so that `firstValueFrom` waits for the first one that has been read from etcd. If the registry is closed before that, it errors
 * with `Closed`, as it does when it is subscribed to later: there is no set, and completing without one would read as an empty service.
 *
 * @example await firstValueFrom(discover(registry, 'web').pipe(known()))
 */
export const known =
  <M>(): MonoTypeOperatorFunction<ServiceSet<M>> =>
  source =>
    new Observable(subscriber => {
      let last: ServiceSet<M> | undefined
      subscribeWithin(subscriber, source, {
        next: set => {
          last = set
          if (set.status !== 'pending') subscriber.next(set)
        },
        complete: () => {
          // A set that is known once is never pending again.
          const error = last?.status === 'pending' ? last.trouble?.error : undefined
          if (error instanceof Closed) subscriber.error(error)
          else subscriber.complete()
        },
      })
    })
