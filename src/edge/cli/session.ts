import { delay, filter, firstValueFrom, from, lastValueFrom, map, race, ReplaySubject, skip, take, type Observable } from 'rxjs'
import type { ClosableRegistry } from '../../flow/registry.js'
import { killedBy, type Host, type Signal } from './host.js'
import type { Settings } from './settings.js'

/** Options of {@link session}. */
export interface SessionOptions {
  /** After how long (ms) an end that takes its time is explained. @default 1500 */
  readonly patience?: number
}

/**
 * Runs `use` over a registry and closes it: the first signal is `stop`, a second one ends at once. Resolves with the exit code:
 * what `use` emits last, 0 if nothing.
 */
export const session = async (
  host: Host,
  { connection }: Settings,
  use: (registry: ClosableRegistry, stop: Observable<Signal>) => Observable<number>,
  { patience = 1_500 }: SessionOptions = {},
): Promise<number> => {
  const stop = new ReplaySubject<Signal>(1)
  const listening = host.signals.pipe(take(1)).subscribe(stop)
  const waiting = 'waiting until etcd has confirmed the end, at most for the TTL; once more (Ctrl-C) ends at once\n'
  const explaining = stop.pipe(delay(patience)).subscribe({ next: () => host.complain(waiting), error: () => undefined })
  const forced = host.signals.pipe(skip(1), filter(signal => signal !== 'SIGPIPE'), map(killedBy))

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
