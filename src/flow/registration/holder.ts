import { defer, map, of, retry, switchMap, throwError, type Observable } from 'rxjs'
import { Closed } from '../../core/errors.js'
import { judge, type Look } from '../../core/register/holder.js'
import { now } from '../clock.js'
import type { Registry } from '../registry.js'
import { wait } from '../wait.js'

/** How long to wait after a look that failed, ms. */
const pause = 1_000

/**
 * Emits whether the holder of a lease lives, as soon as that is certain, and completes: at once if the lease was last renewed more than half its TTL ago,
 * else by then. Outages delay it. Errors `Closed`.
 */
export const holder = (registry: Registry, leaseId: string): Observable<'lives' | 'dead'> => {
  const look = defer(() => {
    const askedAt = now()
    return registry.remaining(leaseId).pipe(map((remaining): Look => ({ ...remaining, askedAt, answeredAt: now() })))
  }).pipe(retry({ delay: (error: unknown) => (error instanceof Closed ? throwError(() => error) : wait(pause)) }))
  const judged = (before?: Look): Observable<'lives' | 'dead'> =>
    look.pipe(
      switchMap(latest => {
        // A new leader has extended the lease, so the comparison begins again.
        const first = before?.term === latest.term ? before : latest
        const judgement = judge(first, latest)
        return typeof judgement === 'string' ? of(judgement) : wait(judgement.again).pipe(switchMap(() => judged(first)))
      }),
    )
  return judged()
}
