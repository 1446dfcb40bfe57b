import { spawn } from 'node:child_process'
import { createRequire } from 'node:module'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { ClosableRegistry } from 'rx-discovery'
import { etcdRegistry } from 'rx-discovery/etcd'
import { memoryRegistry } from 'rx-discovery/memory'
import { provideEtcd, type Provided } from '../../test/etcd/provision.js'
import { faultProxy } from '../../test/etcd/proxy.js'

/** Where the demo plays: a registry, and how it fails there. */
export interface Stage {
  readonly registry: ClosableRegistry
  /** Starts an instance that can crash. */
  readonly crashable: (id: string, address: string) => { readonly crash: () => void }
  readonly outage: { readonly what: string; readonly run: () => Promise<void> }
  readonly close: () => Promise<void>
}

const onMemory = (): Stage => {
  const registry = memoryRegistry()
  return {
    registry,
    crashable: (id, address) => {
      // another process as this registry sees it: a key, and a lease that runs out once nobody renews it
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
            what: 'this etcd is not ours to restart: our connection to it is cut for 2 s',
            run: async () => {
              await proxy?.refuse()
              await sleep(2_000)
              await proxy?.accept()
            },
          }
        : { what: 'etcd is killed and started again', run: restart },
    close: async () => {
      await registry.close()
      await proxy?.close()
      await stop()
    },
  }
}

/** On the etcd that is to be had; else in memory. */
export const stage = async (log: (line: string) => void): Promise<Stage> => {
  try {
    return await onEtcd(await provideEtcd({ log }))
  } catch (error) {
    log(`No etcd to be had (${error instanceof Error ? error.message : String(error)}).`)
    log('This demo runs on the memory registry instead: the same library, without a server.')
    return onMemory()
  }
}
