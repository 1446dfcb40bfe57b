import { Subject } from 'rxjs'
import { vi } from 'vitest'
import { memoryRegistry } from 'rx-discovery/memory'
import type { Host, Signal } from '../../../src/edge/cli/host.js'
import { run } from '../../../src/edge/cli/run.js'
import type { ConnectOptions } from '../../../src/edge/etcd/index.js'

/** The program on a memory registry, with everything that it printed and the connections that it opened. */
export const program = (env: Host['env'] = {}, changed: Partial<Host> = {}) => {
  const registry = memoryRegistry()
  const signals = new Subject<Signal>()
  const printed = { out: '', err: '', connections: [] as ConnectOptions[] }
  const host: Host = {
    env,
    print: text => void (printed.out += text),
    printError: text => void (printed.err += text),
    signals,
    boardScript: () => Buffer.from(''),
    registryOf: options => {
      printed.connections.push(options)
      return registry
    },
    version: '1.2.3',
    folder: '/package',
    ...changed,
  }
  const lines = (): string[] => printed.out.split('\n').slice(0, -1)
  return {
    ...{ registry, signals, printed, lines },
    run: (...argv: string[]) => run(argv, host),
    /** The lines without their times. */
    texts: () => lines().map(line => line.replace(/^\d{4}-\d\d-\d\dT[\d:.]{12}Z /, '')),
    json: () => lines().map(line => JSON.parse(line) as Record<string, unknown>),
    until: (text: string) => vi.waitUntil(() => (printed.out + printed.err).includes(text), { interval: 5, timeout: 5_000 }),
  }
}
