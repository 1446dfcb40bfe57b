import { from, map, race, ReplaySubject, Subject, switchMap, take, type Observable, type ObservableInput, type Subscriber } from 'rxjs'
import type { RegistrationEvent } from '../../core/register/registration.js'
import { timer } from '../clock.js'
import { nothing, subscribeWithin } from '../subscribe-within.js'

/** How long a graceful end waits for etcd to acknowledge `draining`, ms. */
const patience = 1000

/** A graceful end to come. */
export interface Ending {
  /** Emits when it is to be revoked. */
  readonly end: Observable<void>
  /** Whether that was. */
  readonly ended: () => boolean
  /** Tells what became of the keys since they are to be draining. */
  readonly heed: (event: RegistrationEvent) => void
}

// nothing is to be waited for where there is nothing of ours
const answers = (event: RegistrationEvent): boolean =>
  event.type === 'settled' ? event.as === 'draining' : event.type === 'stands' && ['taken', 'withdrawn'].includes(event.registration.status)

/** `drain` ms after the acknowledgement; when there is none in time, at once. */
const drained = (acknowledged: Observable<unknown>, drain: number): Observable<unknown> =>
  race(acknowledged.pipe(map(() => drain)), timer(Math.max(drain, patience)).pipe(map(() => 0))).pipe(
    take(1),
    switchMap(rest => timer(rest)),
  )

/** Begins to drain by the first value of `until`, and ends after that. */
export const ending = (subscriber: Subscriber<unknown>, until: ObservableInput<unknown>, drain: number, begin: () => void): Ending => {
  const acknowledged = new Subject<void>()
  const end = new ReplaySubject<void>(1)
  let ended = false
  const error = (thrown: unknown): void => subscriber.error(thrown)
  const finish = (): void => {
    ended = true
    end.next()
  }
  const start = (): void => {
    subscribeWithin(subscriber, drained(acknowledged, drain), { next: finish, error, complete: nothing })
    begin()
  }
  subscribeWithin(subscriber, from(until).pipe(take(1)), { next: start, error, complete: nothing })
  return {
    end,
    ended: () => ended,
    heed: event => {
      if (answers(event)) acknowledged.next()
    },
  }
}
