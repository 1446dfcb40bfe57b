import { delay, filter, firstValueFrom, from, lastValueFrom, map, race, ReplaySubject, skip, take, type Observable } from 'rxjs'
import { timers } from '../../flow/clock.js'
import type { ClosableRegistry } from '../../flow/registry.js'
import { exitCodeOf, type Host, type Signal } from './host.js'
import type { Settings } from './settings.js'

/** Options of {@link withRegistry}. */
export interface WithRegistryOptions {
  /** How long the end may take after the first signal before the program explains what it waits for, ms. @default 1500 */
  readonly explainAfter?: number
  /** How many signals `use` gets; the next one ends the program at once. @default 1 */
  readonly signals?: number
}

const waiting = 'waiting a few seconds for etcd to confirm the end; press Ctrl-C again to exit at once\n'

/**
 * Opens a registry, runs `use` and closes the registry. The first signal emits from `stop`; a second one ends the program at once, unless `use` takes more of
 * them. Resolves with the exit code: the last value of `use`, or 0 if it emits none.
 */
export const withRegistry = async (
  host: Host,
  { connection }: Settings,
  use: (registry: ClosableRegistry, stop: Observable<Signal>) => Observable<number>,
  { explainAfter = 1_500, signals = 1 }: WithRegistryOptions = {},
): Promise<number> => {
  const stop = new ReplaySubject<Signal>(signals)
  const listening = host.signals.pipe(take(signals)).subscribe(stop)
  const explaining = stop.pipe(take(1), delay(explainAfter, timers)).subscribe({ next: () => host.printError(waiting), error: () => undefined })
  const forced = host.signals.pipe(skip(signals), filter(signal => signal !== 'SIGPIPE'), map(exitCodeOf))

  const work = async (): Promise<number> => {
    const registry = await host.registryOf(connection)
    try {
      return await lastValueFrom(use(registry, stop), { defaultValue: 0 })
    } finally {
      await registry.close()
    }
  }
  try {
    return await firstValueFrom(race(forced, from(work())), { defaultValue: 0 })
  } finally {
    listening.unsubscribe()
    explaining.unsubscribe()
  }
}
