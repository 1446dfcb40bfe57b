import { defer, finalize, tap, timer, type MonoTypeOperatorFunction } from 'rxjs'
import type { Host } from './host.js'
import { printable } from './output.js'
import type { Settings } from './settings.js'

/** How long nothing may happen before that is said, ms. */
const patience = 1_000

/** Says, once, that etcd has not answered yet, when the source is silent from its beginning. */
export const noticingSilence =
  <A>({ complain }: Pick<Host, 'complain'>, { connection: { hosts } }: Settings): MonoTypeOperatorFunction<A> =>
  source =>
    defer(() => {
      const notice = timer(patience).subscribe({
        next: () => complain(`no answer yet from ${printable(hosts.join(', '))}\n`),
        error: () => undefined,
      })
      return source.pipe(
        tap(() => notice.unsubscribe()),
        finalize(() => notice.unsubscribe()),
      )
    })
