import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { lastValueFrom } from 'rxjs'
import { expect, it, vi } from 'vitest'
import { balance, discover, register, roundRobin, type ServiceSet } from 'rx-discovery'
import { etcdRegistry } from 'rx-discovery/etcd'
import { docsApp } from '../edge/nest/docs-app.js'
import { own } from './own.js'
import { spawned, type Program } from './program.js'
import { etcdServer } from './server.js'

it('instances of the app in docs/nest.md lose no request when they are replaced by SIGTERM, without retries', { timeout: 240_000 }, async () => {
  const etcd = own(await etcdServer(), it => it.close())
  const app = own(await docsApp(), it => it.remove())
  const registry = own(etcdRegistry({ hosts: etcd.endpoint }), it => it.close())
  const server = own(createServer((_, response) => void setTimeout(() => response.end('order 7'), 20)).listen(0, '127.0.0.1'), it => it.close())
  await once(server, 'listening')
  const orders = register(registry, { service: 'orders', address: `127.0.0.1:${(server.address() as AddressInfo).port}` }).subscribe()

  let set: ServiceSet | undefined
  const set$ = discover(registry, 'shop')
  const following = set$.subscribe(next => (set = next))
  const ups = (): number => (set?.toArray() ?? []).filter(({ status }) => status === 'up').length
  const start = async (): Promise<Program> => {
    const before = ups()
    const started = own(spawned('main.ts', [process.execPath, app.files['main'] ?? ''], { ETCD_ENDPOINTS: etcd.endpoint, PORT: '0' }), it => it.signal('SIGKILL'))
    await vi.waitUntil(() => ups() > before, { timeout: 60_000 })
    return started
  }
  const instances = [await start(), await start(), await start()]

  const shop = balance(set$, roundRobin())
  const lost: string[] = []
  const calls: Promise<unknown>[] = []
  const call = (): Promise<unknown> =>
    lastValueFrom(
      shop.use(async ({ address }) => {
        const response = await fetch(`http://${address}/order`)
        const text = await response.text()
        if (text !== 'order 7') throw new Error(`${response.status} ${text}`)
      }),
    ).catch((error: unknown) => lost.push(String(error)))
  const calling = setInterval(() => calls.push(call(), call(), call()), 20)
  const ends: unknown[] = []
  for (const old of instances) {
    await start()
    old.signal('SIGTERM')
    const { code, signal } = await old.ended
    ends.push(code ?? signal)
  }
  clearInterval(calling)
  await Promise.all(calls)
  expect({ busy: calls.length > 150, lost, ends, left: set?.size }).toEqual({ busy: true, lost: [], ends: ['SIGTERM', 'SIGTERM', 'SIGTERM'], left: 3 })
  following.unsubscribe()
  orders.unsubscribe()
})
