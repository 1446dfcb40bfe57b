import { describe, expect, it, vi } from 'vitest'
import { discover, register, type Registration, type ServiceSet } from 'rx-discovery'
import { etcdRegistry } from 'rx-discovery/etcd'
import { enableAuth, expiredToken, readerWithToken, type TokenOptions } from './auth.js'
import { own } from './own.js'
import { etcdServer } from './server.js'

/** An etcd that knows its users by `token`, and a registry of one of them. */
const setUp = async (token: TokenOptions) => {
  const etcd = own(await etcdServer({ token, flags: ['--bcrypt-cost', '4'] }), it => it.close())
  const { root, user } = await enableAuth(etcd.client(), '/rx-discovery/')
  return { etcd, user, admin: () => etcd.client({ auth: root }), registry: own(etcdRegistry({ hosts: etcd.endpoint, auth: user }), it => it.close()) }
}
const registering = (registry: ReturnType<typeof etcdRegistry>, id: string, ttl: number): Registration[] => {
  const states: Registration[] = []
  own(register(registry, { service: 'web', id, address: '10.0.0.1:8080' }, { ttl }).subscribe(state => states.push(state)), it => it.unsubscribe())
  return states
}
const discovering = (registry: ReturnType<typeof etcdRegistry>, service: string): ServiceSet[] => {
  const sets: ServiceSet[] = []
  own(discover(registry, service).subscribe(set => sets.push(set)), it => it.unsubscribe())
  return sets
}
const renewals = (states: readonly Registration[]): number => {
  const last = states.at(-1)
  return last?.status === 'registered' ? last.renewals : 0
}
const renewed = (states: readonly Registration[], times: number): Promise<void> =>
  vi.waitFor(() => expect(renewals(states)).toBeGreaterThanOrEqual(times), 30_000)
const statuses = (states: readonly { readonly status: string }[]): readonly string[] => [...new Set(states.map(({ status }) => status))]

describe.each(['simple', 'jwt'] as const)('a %s token', kind => {
  it('11.10 11.14 that runs out on an idle keep-alive stream costs no lease', async () => {
    const { registry } = await setUp({ kind, ttl: 1 })
    // A ping every three seconds: a simple token is prolonged by each use, and lives for up to two.
    const states = registering(registry, 'node', 9)
    await renewed(states, 4)
    expect(statuses(states)).toEqual(['registering', 'registered'])
  })

  it('11.10 11.14 that a change of roles made stale costs no lease', async () => {
    const { registry, admin, user } = await setUp({ kind, ttl: 300 })
    const states = registering(registry, 'node', 3)
    await renewed(states, 1)
    // JWTs become stale by a change of any role, simple ones by one of their user.
    if (kind === 'jwt') await admin().role('another').create()
    else await admin().user(user.username).setPassword(user.password)
    await renewed(states, 6)
    expect(statuses(states)).toEqual(['registering', 'registered'])
  })

  it('W6 11.14 that runs out on a watch stream ends no watch, and keeps no new one from being created', async () => {
    // A JSON web token names its end in whole seconds, and so lives for up to a second less.
    const { registry, etcd, user, admin } = await setUp({ kind, ttl: 3 })
    const old = discovering(registry, 'web')
    await vi.waitFor(() => expect(old.at(-1)?.status).toBe('live'))
    const answer = await readerWithToken(etcd.client(), etcd.endpoint, user, '/rx-discovery/')
    // Each use of a simple token prolongs it, so the next look comes after its end.
    await expect.poll(answer, { timeout: 20_000, interval: 5_000 }).toMatch(expiredToken)
    const young = discovering(registry, 'grpc')
    await vi.waitFor(() => expect(young.at(-1)?.status).toBe('live'), 10_000)
    for (const service of ['web', 'grpc']) await admin().put(`/rx-discovery/${service}/node`).value('{"v":1,"address":"10.0.0.1:8080"}')
    for (const sets of [old, young]) {
      await vi.waitFor(() => expect(sets.at(-1)?.size).toBe(1), 10_000)
      expect(sets.flatMap(set => (set.status === 'stale' ? [set.trouble] : []))).toEqual([])
      expect(statuses(sets)).toEqual(['pending', 'live'])
    }
  })
})

describe('a lease with a key that its holder may not write', () => {
  it('11.10 may be lost, where etcd asks who renews it, but takes no other with it', async () => {
    const { registry, admin } = await setUp({ kind: 'simple', ttl: 300 })
    const others = ['a', 'b'].map(id => registering(registry, id, 3))
    const states = registering(registry, 'node', 3)
    await renewed(states, 1)
    const { leaseId } = await vi.waitUntil(() => states.find(state => state.status === 'registered'))
    await admin().put('/elsewhere').value('x').lease(leaseId)
    for (const other of others) {
      await renewed(other, renewals(other) + 8)
      expect(statuses(other)).toEqual(['registering', 'registered'])
    }
    await vi.waitFor(() => expect(states.at(-1)?.status).toBe('registered'), 15_000)
  })
})
