import { catchError, exhaustMap, filter, ignoreElements, of, tap, throwError, type Observable } from 'rxjs'
import { interval, now } from '../../../flow/clock.js'
import { asError, isOutage } from '../connection/etcd-errors.js'
import type { Member } from '../connection/member.js'
import { anyKey } from '../range/range.js'

/** Whether a stream that says nothing is alive. */
export interface Liveness {
  /** To be called at every message. */
  readonly heard: () => void
  /** Errors when the stream is silent and its member does not answer; never emits. */
  readonly silence: Observable<never>
}

/** Milliseconds without a message after which a ping is sent, and after which the member is asked. */
const quiet = 2_000
const silent = 3_000
const tick = 250

/** Asks for a sign of life by `ping`; since not every etcd answers that at all times (etcd-io/etcd#15220), a plain read decides. */
export const liveness = (member: Member, ping: () => void): Liveness => {
  let last = now()
  let pinged = false
  const heard = (): void => {
    last = now()
    pinged = false
  }
  const read = member.call((client, options) => client.kv.range(anyKey, options), { deadline: 1_500 }).pipe(
    // That it may not be read is an answer.
    catchError((error: unknown) => (isOutage(error) ? throwError(() => asError(error)) : of(undefined))),
  )
  return {
    heard,
    silence: interval(tick).pipe(
      tap(() => {
        if (pinged || now() - last < quiet) return
        pinged = true
        ping()
      }),
      filter(() => now() - last >= silent),
      exhaustMap(() => read.pipe(tap(heard))),
      ignoreElements(),
    ),
  }
}
