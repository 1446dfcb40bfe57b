import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { firstValueFrom, retry, type Subscription } from 'rxjs'
import { describe, expect, inject, it, vi } from 'vitest'
import { balance, discover, peakEwma, register, roundRobin, type Balancer, type Registration, type ServiceInstance } from 'rx-discovery'
import { etcdRegistry } from 'rx-discovery/etcd'
import { own } from './own.js'

/** A server that answers every request with its name. */
const serverNamed = async (name: string) => {
  const server: Server = createServer((_, response) => response.end(name))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const kill = (): void => {
    server.close()
    server.closeAllConnections()
  }
  own(server, kill)
  return { address: `127.0.0.1:${(server.address() as AddressInfo).port}`, kill }
}

const get = async ({ address }: ServiceInstance, signal: AbortSignal): Promise<string> => {
  const response = await fetch(`http://${address}/`, { signal })
  return response.text()
}

describe('five servers registered in etcd, one of which is killed without warning', () => {
  it.each(['roundRobin', 'peakEwma'] as const)('no failed call reaches the caller with %s', async policy => {
    const service = `balanced-${policy}-${process.pid}`
    const registry = own(etcdRegistry({ hosts: inject('etcdEndpoints') }), it => it.close())
    const names = ['a', 'b', 'c', 'd', 'e']
    const states = new Map<string, Registration>()
    const servers = await Promise.all(
      names.map(async id => {
        const { address, kill } = await serverNamed(id)
        // The lease outlives the test, so the killed instance stays in the set.
        const registered: Subscription = register(registry, { service, id, address }, { ttl: 60 }).subscribe(state => states.set(id, state))
        own(registered, it => it.unsubscribe())
        return { id, kill }
      }),
    )
    await vi.waitFor(() => expect(names.map(id => states.get(id)?.status)).toEqual(names.map(() => 'registered')), 20_000)

    const sets = discover(registry, service)
    const web: Balancer = policy === 'roundRobin' ? balance(sets, roundRobin(), { linger: 0 }) : balance(sets, peakEwma(), { linger: 0 })
    const watching = web.state$.subscribe()
    own(watching, it => it.unsubscribe())
    await vi.waitFor(async () => expect((await firstValueFrom(web.state$)).size).toBe(5), 20_000)

    let failures = 0
    let called = ''
    const call = web.use(
      (instance, signal) => {
        called += instance.id
        return get(instance, signal).catch((error: unknown) => {
          failures += 1
          throw error
        })
      },
      { timeout: 30_000 },
    )
    const round = (): Promise<readonly string[]> => Promise.all(Array.from({ length: 50 }, () => firstValueFrom(call.pipe(retry(2)))))
    for (let count = 0; count < 4; count += 1) await round()
    expect([failures, new Set(called).size]).toEqual([0, 5])

    servers.find(({ id }) => id === 'c')?.kill()
    const answers: string[] = []
    for (let count = 0; count < 10; count += 1) answers.push(...(await round()))
    expect([answers.length, answers.includes('c')]).toEqual([500, false])
    expect(failures).toBeGreaterThan(0)
    const state = await firstValueFrom(web.state$)
    expect([...state.values()].map(({ inFlight }) => inFlight)).toEqual([0, 0, 0, 0, 0])
    expect(state.get('c')?.failures).toBe(failures)
    // It is still registered: the balancer left it out.
    expect(state.has('c')).toBe(true)
  })
})
