import { BehaviorSubject, defer, distinctUntilChanged, map, merge, mergeMap, NEVER, of, queueScheduler, retry } from 'rxjs'
import { Subject, subscribeOn, switchMap, take, takeUntil, throwError, type Observable, type SchedulerLike } from 'rxjs'
import { longestDelay } from '../../core/arguments.js'
import { Denied, Disconnected } from '../../core/errors.js'
import { now, timer, timers } from '../../flow/clock.js'

/** The network between the callers and the store, with its faults. */
export interface Network {
  /** Sends a request: `run` is called when it arrives. Cold; if it is unsubscribed before, it never arrives. */
  readonly call: <T>(run: () => T) => Observable<T>
  /** Repeats a call until an outage or a denial is over. */
  readonly insist: <T>(call: Observable<T>) => Observable<T>
  /** Errors when the connection is cut, or silent for too long. */
  readonly cuts: Observable<never>
  /** Whether watches are served now. */
  readonly serving: () => boolean
  readonly interrupt: (forMs: number, message?: string) => void
  readonly freeze: () => () => void
  readonly deny: () => () => void
  readonly lag: () => () => void
}

const host = 'memory'
/** After how long a silence counts as an outage, ms; the registry on etcd gives up after 4.5 to 5 s. */
const longestSilence = 5_000

/** A timer; if `ms` is more than 24 days it fires early. */
export const pause = (ms: number, on: SchedulerLike = timers): Observable<unknown> => timer(Math.min(Math.max(0, ms), longestDelay), on)

/** A fault that several callers may cause at once; it is over when all of them have released it. */
const fault = (over: () => void) => {
  let causes = 0
  return {
    isActive: () => causes > 0,
    cause: () => {
      causes += 1
      let released = false
      return () => {
        if (released) return
        released = true
        causes -= 1
        if (causes === 0) over()
      }
    },
  }
}

/** A network without faults. Calls `arriving` before each request is carried out, and `serve` when watches may be served again. */
export const network = (arriving: () => void, serve: () => void): Network => {
  const cut = new Subject<Disconnected>()
  const thawed = new Subject<void>()
  const allowed = new Subject<void>()
  let refusedUntil = -Infinity
  const frozen = new BehaviorSubject(false)
  const freezing = fault(() => {
    // before any subscriber is served, since it may freeze the network again
    frozen.next(false)
    queueScheduler.schedule(() => thawed.next())
    serve()
  })
  const denying = fault(() => allowed.next())
  const lagging = fault(serve)

  const silence = frozen.pipe(
    distinctUntilChanged(),
    switchMap(on => (on ? timer(longestSilence) : NEVER)),
    map(() => new Disconnected(`${host} did not answer in time`, { host })),
  )
  const cuts = merge(cut, silence).pipe(mergeMap(error => throwError(() => error)))
  const arrival = (): Observable<unknown> => {
    if (now() < refusedUntil) return throwError(() => new Disconnected('connection refused', { host }))
    if (freezing.isActive()) return thawed.pipe(take(1), mergeMap(arrival))
    if (denying.isActive()) return throwError(() => new Denied('permission denied', { host }))
    return of(undefined)
  }

  return {
    cuts,
    call: run => defer(arrival).pipe(map(() => (arriving(), run())), subscribeOn(queueScheduler), takeUntil(cuts)),
    insist: call => call.pipe(retry({
      delay: (error: unknown) => {
        if (error instanceof Disconnected) return pause(refusedUntil - now())
        return error instanceof Denied ? allowed : throwError(() => error as Error)
      },
    })),
    serving: () => !freezing.isActive() && !lagging.isActive(),
    interrupt: (forMs, message = 'connection reset') => {
      refusedUntil = Math.max(refusedUntil, now() + forMs)
      cut.next(new Disconnected(message, { host }))
    },
    freeze: () => {
      const thaw = freezing.cause()
      frozen.next(true)
      return thaw
    },
    deny: denying.cause,
    lag: lagging.cause,
  }
}
