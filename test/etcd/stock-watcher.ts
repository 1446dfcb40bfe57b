import { setTimeout as sleep } from 'node:timers/promises'
import type { Watcher } from 'etcd3'
import { plainClient } from './server.js'

/** The loop of the tutorials: get all, then watch, and keep a Map. */
export interface StockWatcher {
  readonly map: ReadonlyMap<string, string>
  /** Calls back whenever etcd3 says that the watch is connected. */
  readonly onConnected: (listener: () => void) => void
  readonly close: () => Promise<void>
}

/** etcd3's own watcher; with a client that comes back faster than etcd3's own policies let it. */
export const stockWatcher = async (hosts: string, prefix: string): Promise<StockWatcher> => {
  const client = plainClient({ hosts })
  const map = new Map(Object.entries(await client.getAll().prefix(prefix).strings()))
  const watcher: Watcher = await client.watch().prefix(prefix).create()
  watcher
    .on('put', ({ key, value }) => map.set(key.toString(), value.toString()))
    .on('delete', ({ key }) => map.delete(key.toString()))
    .on('error', () => undefined)
  return {
    map,
    onConnected: listener => void watcher.on('connected', listener),
    close: async () => {
      // A cancel may never be answered.
      await Promise.race([watcher.cancel().catch(() => undefined), sleep(2_000, undefined, { ref: false })])
      client.close()
    },
  }
}
