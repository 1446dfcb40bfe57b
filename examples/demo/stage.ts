import { spawn } from 'node:child_process'
import { createRequire } from 'node:module'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { ClosableRegistry } from 'rx-discovery'
import { etcdRegistry } from 'rx-discovery/etcd'
import { memoryRegistry } from 'rx-discovery/memory'
import { provideEtcd, type Provided } from '../../test/etcd/provision.js'
import { faultProxy } from '../../test/etcd/proxy.js'

/** The registry of the demo, and how to make it fail. */
export interface Stage {
  readonly registry: ClosableRegistry
  /** Starts an instance that can be made to crash. */
  readonly crashable: (id: string, address: string) => { readonly crash: () => void }
  readonly outage: { readonly what: string; readonly run: () => Promise<void> }
  readonly close: () => Promise<void>
}

const onMemory = (): Stage => {
  const registry = memoryRegistry()
  return {
    registry,
    crashable: (id, address) => {
      // What this registry would see of another process: a key, which is deleted when the lease expires after a crash.
      registry.write(`/rx-discovery/web/${id}`, JSON.stringify({ v: 1, address }))
      return { crash: () => setTimeout(() => registry.write(`/rx-discovery/web/${id}`, null), 2_000) }
    },
    outage: {
      what: 'the registry is interrupted for 2 s',
      run: async () => {
        registry.interrupt(2_000)
        await sleep(2_000)
      },
    },
    close: registry.close,
  }
}

const onEtcd = async ({ endpoints, restart, stop }: Provided): Promise<Stage> => {
  const proxy = restart === undefined ? await faultProxy(endpoints[0] ?? '') : undefined
  const hosts = proxy === undefined ? endpoints : [proxy.endpoint]
  const registry = etcdRegistry({ hosts })
  const tsx = createRequire(import.meta.url).resolve('tsx')
  return {
    registry,
    crashable: (id, address) => {
      const program = fileURLToPath(new URL('instance.ts', import.meta.url))
      const child = spawn(process.execPath, ['--import', tsx, program, hosts.join(), id, address], { stdio: 'inherit' })
      process.once('exit', () => child.kill('SIGKILL'))
      return { crash: () => child.kill('SIGKILL') }
    },
    outage:
      restart === undefined
        ? {
            what: 'the connection to etcd is cut for 2 s (the demo cannot restart this etcd)',
            run: async () => {
              await proxy?.refuse()
              await sleep(2_000)
              await proxy?.accept()
            },
          }
        : { what: 'etcd is killed and restarted', run: restart },
    close: async () => {
      await registry.close()
      await proxy?.close()
      await stop()
    },
  }
}

/** A stage on etcd if one is available, else in memory. */
export const stage = async (log: (line: string) => void): Promise<Stage> => {
  try {
    return await onEtcd(await provideEtcd({ log }))
  } catch (error) {
    log(`No etcd is available (${error instanceof Error ? error.message : String(error)}).`)
    log('This demo uses the memory registry instead.')
    return onMemory()
  }
}
