import { catchError, concat, defer, isObservable, map, NEVER, of, race, repeat, switchMap, take, throwError, type Observable } from 'rxjs'
import { toError } from '../../../core/errors.js'
import { background, now, timeout, timer } from '../../../flow/clock.js'
import { parseHosts } from './hosts.js'
import { answerOf, described } from './supplied.js'

/** Endpoints: one, or a list. */
export type HostList = string | readonly string[]

/** Endpoints that change: a function that is asked again and again, or an Observable that emits them whenever they change. */
export type ChangingHosts = (() => HostList | PromiseLike<HostList>) | Observable<HostList>

/** How often (ms) a source of hosts is asked, at most; at least half as long, so that many processes do not ask together. */
export const askEvery = 60_000
/** The pause (ms) between two questions in an outage. */
const askAgainAfter = 1_000
/** The pause (ms) after a question that failed. */
const askAfterFailure = 5_000
/** How long (ms) an answer may take. */
const answerWithin = 10_000

/**
 * Asks again and again: `every` ms or a little less after the last question, sooner if that failed, and in an outage at once. Emits each answer, and each
 * error as a value.
 */
export const asking = <A>(ask: Observable<A>, every: number, outages: Observable<unknown>, random: () => number): Observable<A | Error> =>
  defer(() => {
    let askedAt = now()
    let period = every
    const inOutage = outages.pipe(
      take(1),
      switchMap(() => timer(Math.max(0, askedAt + askAgainAfter - now()), background)),
    )
    return defer(() => {
      askedAt = now()
      period = every
      return ask
    }).pipe(
      catchError((error: unknown) => {
        period = Math.min(every, askAfterFailure)
        return of(toError(error))
      }),
      repeat({ delay: () => race(inOutage, timer(period * (1 - random() / 2), background)) }),
    )
  })

/** The lists of hosts, once for a function. Each list is checked; a wrong one is emitted as the error. An error of the user's has no `cause`: it may hold a secret. */
export const hostLists = (hosts: ChangingHosts): Observable<readonly string[] | Error> => {
  const lists = isObservable(hosts)
    ? // One that completes has nothing more to say. It must not be asked again.
      concat(hosts, NEVER)
    : // A call that needs the list has a timer of its own.
      answerOf(hosts).pipe(timeout({ first: answerWithin, with: () => throwError(() => new Error(`no answer within ${answerWithin} ms`)) }, background))
  return lists.pipe(
    catchError((thrown: unknown) => throwError(() => new Error(described(thrown)))),
    map(list => {
      try {
        return parseHosts(list)
      } catch (error) {
        return toError(error)
      }
    }),
  )
}
