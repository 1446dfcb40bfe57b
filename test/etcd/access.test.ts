import { setTimeout as sleep } from 'node:timers/promises'
import { lastValueFrom, Subject } from 'rxjs'
import { beforeAll, describe, expect, it, vi } from 'vitest'
import { Denied, Disconnected, register, type Registration } from 'rx-discovery'
import { etcdRegistry, type ConnectOptions } from 'rx-discovery/etcd'
import { enableAuth, type Logins } from './auth.js'
import { authenticationsIn } from './metrics.js'
import { own } from './own.js'
import { registeredAndDiscovered } from './registered-and-discovered.js'
import { etcdServer, type EtcdServer } from './server.js'
import { certificates, type Identity } from './tls.js'


describe('certificates that do not fit', () => {
  const { ca, expired, client, ...rest } = certificates()
  const stranger = certificates()
  let etcd: EtcdServer
  beforeAll(async () => {
    etcd = await etcdServer({ tls: { ca, expired, client, ...rest } })
    return etcd.close
  })
  const with$ = (rootCertificate: Buffer, identity?: Identity): ConnectOptions => ({
    hosts: etcd.endpoint,
    credentials: { rootCertificate, ...(identity && { certChain: identity.cert, privateKey: identity.key }) },
  })

  const unknown = /failed the TLS handshake \(its certificate is not signed by an authority that this process trusts/
  const missing = /failed the TLS handshake \(etcd requires a client certificate that its authority has signed and that has not expired\): .*alert number/

  it.each([
    ['of another authority, on the server', unknown, () => with$(stranger.ca, client)],
    ['of another authority, on the client', missing, () => with$(ca, stranger.client)],
    ['ended, on the client', missing, () => with$(ca, expired)],
    ['none, on the client', missing, () => with$(ca)],
  ])('%s: trouble that says so, and is retried', async (_, message, options) => {
    const { sets, states, errors } = registeredAndDiscovered(options())
    await vi.waitFor(() => expect([sets.at(-1)?.trouble?.attempt, states.flatMap(state => (state.status === 'lost' ? [state.attempt] : [])).at(-1)]).toEqual([expect.toSatisfy(more), expect.toSatisfy(more)]), 20_000)
    expect(errors).toEqual([])
    expect(sets.at(-1)?.trouble?.error).toBeInstanceOf(Disconnected)
    expect(sets.at(-1)?.trouble?.error.message).toMatch(message)
    expect(states.at(-1)).toMatchObject({ status: 'lost', cause: { name: 'Disconnected', message: expect.stringMatching(message) as unknown } })
  })
  const more = (attempt: unknown): boolean => Number(attempt) > 2
})

describe('a client certificate', () => {
  it('whose common name is a user of etcd is a login', async () => {
    const certs = certificates()
    const etcd = own(await etcdServer({ tls: certs, token: { kind: 'simple', ttl: 300 } }), it => it.close())
    const { user } = await enableAuth(etcd.client(), '/rx-discovery/web/')
    const as = (identity: Identity) => registeredAndDiscovered({ hosts: etcd.endpoint, credentials: { rootCertificate: certs.ca, certChain: identity.cert, privateKey: identity.key } })
    const { states, sets } = as(certs.clientFor(user.username, 3_600_000))
    const stranger = as(certs.client)
    await vi.waitFor(() => expect([states.at(-1)?.status, sets.at(-1)?.size]).toEqual(['registered', 1]), 10_000)
    await vi.waitFor(() => expect(stranger.errors).toMatchObject([{ name: 'Denied' }, { name: 'Denied' }]), 10_000)
  })
})

describe('passwords', () => {
  let etcd: EtcdServer
  let logins: Logins
  beforeAll(async () => {
    etcd = await etcdServer({ token: { kind: 'simple', ttl: 300 } })
    logins = await enableAuth(etcd.client(), '/rx-discovery/web/')
    return etcd.close
  })

  it('of a user with a permission for one exact key: an instance at that key is registered and stays registered', async () => {
    const admin = etcd.client({ auth: logins.root })
    const role = await admin.role('writer').create()
    await role.grant({ permission: 'Readwrite', key: '/rx-discovery/web/alone' })
    await (await admin.user('writer').create('writer-password')).addRole('writer')
    const registry = own(etcdRegistry({ hosts: etcd.endpoint, auth: { username: 'writer', password: 'writer-password' } }), it => it.close())
    const key = '/rx-discovery/web/alone'
    const states: Registration[] = []
    own(register(registry, { service: 'web', id: 'alone', address: '10.0.0.1:8080' }, { ttl: 3 }).subscribe(state => states.push(state)), it => it.unsubscribe())
    await vi.waitFor(() => expect(states.at(-1)).toMatchObject({ status: 'registered', renewals: 2 }), 20_000)
    expect(states.map(({ status }) => status).filter(status => status !== 'registered')).toEqual(['registering'])
    // Its watch of the key works, too.
    await admin.delete().key(key)
    await vi.waitFor(async () => expect(await admin.get(key)).not.toBeNull(), 20_000)
    await expect(lastValueFrom(registry.list({ key }))).resolves.toMatchObject({ changes: [{ key }] })
    const denied = await lastValueFrom(registry.list(key)).catch((error: unknown) => error)
    expect(denied).toBeInstanceOf(Denied)
    expect(denied).toMatchObject({ message: `${etcd.endpoint}: permission denied: user "writer" may not read ${key} (root can allow it: etcdctl role grant-permission ROLE --prefix=true read ${key})` })
  })

  it('12.9 of a user whose role is taken away before the end: draining with the cause, then revoked without confirmation, and the key expires', { timeout: 60_000 }, async () => {
    const admin = etcd.client({ auth: logins.root })
    const key = '/rx-discovery/web/dismissed'
    const role = await admin.role('dismissed').create()
    await role.grant({ permission: 'Readwrite', key })
    const user = await admin.user('dismissed').create('dismissed-password')
    await user.addRole('dismissed')
    const registry = own(etcdRegistry({ hosts: etcd.endpoint, auth: { username: 'dismissed', password: 'dismissed-password' } }), it => it.close())
    const [until, states, ends]: [Subject<void>, Registration[], string[]] = [new Subject<void>(), [], []]
    const source = register(registry, { service: 'web', id: 'dismissed', address: '10.0.0.1:8080' }, { ttl: 6, until })
    own(source.subscribe({ next: state => states.push(state), complete: () => ends.push('complete') }), it => it.unsubscribe())
    await vi.waitFor(() => expect(states.at(-1)?.status).toBe('registered'), 20_000)
    await user.removeRole('dismissed')
    const before = states.length
    until.next()
    await vi.waitFor(() => expect(ends).toEqual(['complete']), 20_000)
    // The role is missing before the end begins, which etcd reports at the next write. There may have been one more renewal.
    const after = states.slice(before).filter(({ status }) => status !== 'registered')
    expect(after.slice(0, -1).map(state => [state.status, state.status === 'draining' && state.cause?.name])).toEqual(after.slice(0, -1).map(() => ['draining', 'Denied']))
    expect(after.length).toBeGreaterThan(1)
    expect(after.at(-1)).toMatchObject({ status: 'revoked', confirmed: false, cause: { name: 'Denied' } })
    await vi.waitFor(async () => expect(await admin.get(key)).toBeNull(), 20_000)
  })

  it('none where one is needed: an error that says what to pass', async () => {
    const { errors } = registeredAndDiscovered({ hosts: etcd.endpoint })
    await vi.waitFor(() => expect(errors).toHaveLength(2), 20_000)
    for (const error of errors) {
      expect(error).toBeInstanceOf(Denied)
      expect(error).toMatchObject({ message: expect.stringContaining('requires a login (pass `auth: { username, password }`)') as unknown })
    }
  })

  it('wrong from the start: an error, and etcd is asked once', async () => {
    const before = await authenticationsIn(etcd.endpoint)
    const { errors } = registeredAndDiscovered({ hosts: etcd.endpoint, auth: { ...logins.user, password: 'wrong' } })
    await vi.waitFor(() => expect(errors).toHaveLength(2), 20_000)
    for (const error of errors) {
      expect(error).toBeInstanceOf(Denied)
      expect(error).toMatchObject({ message: expect.stringMatching(/ refused the login of user "user": .*authentication failed.* \(check `auth`\)$/) as unknown })
    }
    await sleep(2_000)
    expect((await authenticationsIn(etcd.endpoint)) - before).toBe(1)
  })

  it('changed while a hundred are registered: etcd is not flooded with logins, and all goes on once it is changed back', { timeout: 120_000 }, async () => {
    const registry = own(etcdRegistry({ hosts: etcd.endpoint, auth: logins.user }), it => it.close())
    const states: Registration['status'][] = []
    for (let index = 0; index < 100; index += 1)
      own(register(registry, { service: 'web', id: `node${index}`, address: '10.0.0.1:8080' }).subscribe(({ status }) => (states[index] = status)), it => it.unsubscribe())
    const everybody = (status: string) => vi.waitFor(() => expect(new Set(states)).toEqual(new Set([status])), 30_000)
    await everybody('registered')
    const admin = etcd.client({ auth: logins.root })
    await admin.user(logins.user.username).setPassword('another')
    const { leases } = await admin.leaseClient.leaseLeases()
    const before = await authenticationsIn(etcd.endpoint)
    const began = performance.now()
    await Promise.all(leases.map(({ ID }) => admin.leaseClient.leaseRevoke({ ID })))
    await sleep(5_000)
    const asked = (await authenticationsIn(etcd.endpoint)) - before
    const seconds = (performance.now() - began) / 1_000
    await etcd.client({ auth: logins.root }).user(logins.user.username).setPassword(logins.user.password)
    await everybody('registered')
    expect(asked).toBeLessThanOrEqual(Math.ceil(seconds) + 1)
  })
})
