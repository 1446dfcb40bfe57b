import { defer, finalize, tap, type MonoTypeOperatorFunction } from 'rxjs'
import { timer } from '../../flow/clock.js'
import type { Host } from './host.js'
import { printable } from './output.js'
import type { Settings } from './settings.js'

/** How long the source may be silent before that is reported, ms. */
const silenceLimit = 1_000

/** Passes everything on. If the source is silent for a second after its subscription, it reports once that etcd has not answered yet. */
export const reportSilence =
  <A>({ printError }: Pick<Host, 'printError'>, { hosts }: Pick<Settings, 'hosts'>): MonoTypeOperatorFunction<A> =>
  source =>
    defer(() => {
      const report = timer(silenceLimit).subscribe({
        next: () => printError(`no answer yet from ${printable(hosts)}\n`),
        error: () => undefined,
      })
      return source.pipe(
        tap(() => report.unsubscribe()),
        finalize(() => report.unsubscribe()),
      )
    })
