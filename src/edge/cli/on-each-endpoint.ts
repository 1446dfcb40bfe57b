import { defer, retry, throwError, type Observable } from 'rxjs'
import { Disconnected, toError } from '../../core/errors.js'
import { timer } from '../../flow/clock.js'
import { failureOf } from './failure.js'
import type { Host } from './host.js'
import { printable } from './output.js'
import type { Settings } from './settings.js'

/** Asks, and after an outage reports it and asks again, once for each endpoint: the registry goes on to the next one. What repeats is reported once. */
export const onEachEndpoint = <A>({ printError }: Pick<Host, 'printError'>, { tries }: Settings, ask: () => Observable<A>): Observable<A> =>
  defer(() => {
    let reported = ''
    return defer(ask).pipe(
      retry({
        count: tries - 1,
        delay: (error: unknown) => {
          if (!(error instanceof Disconnected)) return throwError(() => toError(error))
          const { message } = failureOf(error)
          if (message !== reported) printError(`${printable(message)}\n`)
          reported = message
          return timer(0)
        },
      }),
    )
  })
