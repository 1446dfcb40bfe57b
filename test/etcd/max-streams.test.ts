import { firstValueFrom, filter } from 'rxjs'
import { describe, expect, it, vi } from 'vitest'
import { discover, register, type Registration, type ServiceSet } from 'rx-discovery'
import { etcdRegistry } from 'rx-discovery/etcd'
import { own } from './own.js'
import { etcdServer } from './server.js'

describe('--max-concurrent-streams', () => {
  it('12.6 with four streams per connection, 350 registrations and a discovery work, and the trouble names the limit until then', { timeout: 60_000 }, async () => {
    const etcd = own(await etcdServer({ flags: ['--max-concurrent-streams=4'] }), it => it.close())
    const registry = own(etcdRegistry({ hosts: etcd.endpoint }), it => it.close())
    const count = 350
    const states: Registration[][] = Array.from({ length: count }, () => [])
    states.forEach((seen, index) => own(register(registry, { service: 'web', id: `i${index}`, address: `10.0.0.1:${index + 1}` }, { ttl: 10 }).subscribe(state => seen.push(state)), it => it.unsubscribe()))
    const registered = (): number => states.filter(seen => seen.at(-1)?.status === 'registered').length
    await vi.waitUntil(() => registered() === count, { timeout: 30_000, interval: 50 }).catch(() => expect(registered()).toBe(count))
    const sets: ServiceSet[] = []
    own(discover(registry, 'web').subscribe(set => sets.push(set)), it => it.unsubscribe())
    await vi.waitUntil(() => sets.at(-1)?.status === 'live' && sets.at(-1)?.size === count, { timeout: 15_000 })
    const told = JSON.stringify([...states.flat(), ...sets].flatMap(state => ('cause' in state ? [String(state.cause)] : [])))
    if (states.flat().some(({ status }) => status === 'lost')) expect(told).toContain('--max-concurrent-streams')
    // For longer than the TTL.
    await new Promise(resolve => setTimeout(resolve, 12_000))
    expect(registered()).toBe(count)
    expect((await firstValueFrom(discover(registry, 'web').pipe(filter(({ status }) => status === 'live')))).size).toBe(count)
  })
})
