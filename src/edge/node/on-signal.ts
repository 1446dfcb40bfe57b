import { constants } from 'node:os'
import { defer, merge, Observable, share, throwError } from 'rxjs'
import { InvalidArgument } from '../../core/errors.js'

type Signal = NodeJS.Signals

const listener = (signal: Signal): Observable<Signal> =>
  new Observable<Signal>(subscriber => {
    const received = (): void => subscriber.next(signal)
    process.on(signal, received)
    return () => process.off(signal, received)
  }).pipe(share())

// One for the process: Node warns about a leak from the eleventh listener on.
const shared = new Map<Signal, Observable<Signal>>()
const listenerOf = (signal: Signal): Observable<Signal> => {
  const known = shared.get(signal) ?? listener(signal)
  shared.set(signal, known)
  return known
}

const signalProblem = (signal: string): string | undefined => {
  if (!Object.hasOwn(constants.signals, signal)) return `must be names of signals, got ${JSON.stringify(signal)} (for example "SIGTERM")`
  return signal === 'SIGKILL' || signal === 'SIGSTOP' ? `must be signals that a process can catch, got ${JSON.stringify(signal)} (for example "SIGTERM")` : undefined
}

/**
 * Emits the name of each of the given signals that the process receives; never completes. For `until` of any number of registrations: each signal has one listener on
 * `process`, however many subscribers there are. The listener is removed when the last subscriber leaves; from then on, the signal ends the process, as it does by default.
 * Errors with `InvalidArgument` for a name that is not a signal, and for `SIGKILL` and `SIGSTOP`, which no process can catch.
 *
 * @param signals Names of signals. Without any: `SIGTERM` and `SIGINT`
 * @example register(registry, instance, { until: onSignal(), drain: 5000 })
 */
export const onSignal = (...signals: readonly NodeJS.Signals[]): Observable<NodeJS.Signals> =>
  defer(() => {
    const names = new Set(signals.length === 0 ? (['SIGTERM', 'SIGINT'] as const) : signals)
    const problem = [...names].map(signalProblem).find(found => found !== undefined)
    return problem === undefined ? merge(...[...names].map(listenerOf)) : throwError(() => new InvalidArgument('signals', problem))
  })
