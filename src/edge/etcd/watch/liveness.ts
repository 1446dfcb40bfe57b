import { catchError, exhaustMap, filter, ignoreElements, of, tap, throwError, type Observable } from 'rxjs'
import { toError } from '../../../core/errors.js'
import { interval, now } from '../../../flow/clock.js'
import { isOutage } from '../connection/etcd-errors.js'
import type { Member } from '../connection/member.js'
import { anyKey } from '../range/range.js'

/** Finds out whether a silent stream is alive. */
export interface Liveness {
  /** To be called at every message of the stream. */
  readonly received: () => void
  /** Errors if the stream is silent and its member does not answer; never emits. */
  readonly silence: Observable<never>
}

/** After how many ms without a message a ping is sent. */
const pingAfter = 2_000
/** After how many ms without a message the member is read. */
const readAfter = 3_000
/** The pause (ms) between two looks at the clock. */
const lookEvery = 250

/** Sends `ping` on a silent stream. Some versions of etcd do not always answer it (etcd-io/etcd#15220), so a plain read decides. */
export const liveness = (member: Member, ping: () => void): Liveness => {
  let lastMessageAt = now()
  let pinged = false
  const received = (): void => {
    lastMessageAt = now()
    pinged = false
  }
  const read = member.call((client, options) => client.kv.range(anyKey, options), { deadline: 1_500 }).pipe(
    // A refusal is an answer.
    catchError((error: unknown) => (isOutage(error) ? throwError(() => toError(error)) : of(undefined))),
  )
  return {
    received,
    silence: interval(lookEvery).pipe(
      tap(() => {
        if (pinged || now() - lastMessageAt < pingAfter) return
        pinged = true
        ping()
      }),
      filter(() => now() - lastMessageAt >= readAfter),
      exhaustMap(() => read.pipe(tap(received))),
      ignoreElements(),
    ),
  }
}
