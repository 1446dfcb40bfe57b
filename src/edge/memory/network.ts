import { BehaviorSubject, defer, distinctUntilChanged, map, merge, mergeMap, NEVER, of, queueScheduler, retry } from 'rxjs'
import { Subject, subscribeOn, switchMap, take, takeUntil, throwError, timer, type Observable } from 'rxjs'
import { longestDelay } from '../../core/arguments.js'
import { Denied, Disconnected } from '../../core/errors.js'
import { now } from '../../flow/clock.js'

/** Between the callers and the store: what a network and a server may do to a request. */
export interface Wire {
  /** One request and its answer: `run` is carried out when the request arrives. Cold; unsubscribed before, it never arrives. */
  readonly call: <T>(run: () => T) => Observable<T>
  /** Calls again and again until an outage or a denial is over. */
  readonly insist: <T>(call: Observable<T>) => Observable<T>
  /** Errors when the wire is cut, or silent for too long. */
  readonly cuts: Observable<never>
  /** Whether watches are served now. */
  readonly serving: () => boolean
  readonly interrupt: (forMs: number, message?: string) => void
  readonly freeze: () => () => void
  readonly deny: () => () => void
  readonly lag: () => () => void
}

const host = 'memory'
/** After how long a silence is taken for an outage, ms; the registry on etcd takes 4.5 to 5 s. */
const patience = 5_000

/** A timer that may be early when `ms` is more than 24 days. */
export const pause = (ms: number): Observable<unknown> => timer(Math.min(Math.max(0, ms), longestDelay))

const switchOf = (released: () => void) => {
  let holds = 0
  return {
    on: () => holds > 0,
    hold: () => {
      holds += 1
      let held = true
      return () => {
        if (!held) return
        held = false
        holds -= 1
        if (holds === 0) released()
      }
    },
  }
}

/** A wire in good order; `settle` runs before each request is carried out, `serve` when watches may be served again. */
export const wireTo = (settle: () => void, serve: () => void): Wire => {
  const cut = new Subject<Disconnected>()
  const thawed = new Subject<void>()
  const allowed = new Subject<void>()
  let refusedUntil = -Infinity
  const frozen = new BehaviorSubject(false)
  const freezing = switchOf(() => {
    // before anybody is served, who may freeze it again
    frozen.next(false)
    queueScheduler.schedule(() => thawed.next())
    serve()
  })
  const denying = switchOf(() => allowed.next())
  const lagging = switchOf(serve)

  const silence = frozen.pipe(
    distinctUntilChanged(),
    switchMap(on => (on ? timer(patience) : NEVER)),
    map(() => new Disconnected(`${host} did not answer in time`, { host })),
  )
  const cuts = merge(cut, silence).pipe(mergeMap(error => throwError(() => error)))
  const arrival = (): Observable<unknown> => {
    if (now() < refusedUntil) return throwError(() => new Disconnected('connection refused', { host }))
    if (freezing.on()) return thawed.pipe(take(1), mergeMap(arrival))
    if (denying.on()) return throwError(() => new Denied('permission denied', { host }))
    return of(undefined)
  }

  return {
    cuts,
    call: run => defer(arrival).pipe(map(() => (settle(), run())), subscribeOn(queueScheduler), takeUntil(cuts)),
    insist: call => call.pipe(retry({
      delay: (error: unknown) => {
        if (error instanceof Disconnected) return pause(refusedUntil - now())
        return error instanceof Denied ? allowed : throwError(() => error as Error)
      },
    })),
    serving: () => !freezing.on() && !lagging.on(),
    interrupt: (forMs, message = 'connection reset') => {
      refusedUntil = Math.max(refusedUntil, now() + forMs)
      cut.next(new Disconnected(message, { host }))
    },
    freeze: () => {
      const thaw = freezing.hold()
      frozen.next(true)
      return thaw
    },
    deny: denying.hold,
    lag: lagging.hold,
  }
}
