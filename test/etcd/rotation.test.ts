import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, it, vi } from 'vitest'
import { Denied, Disconnected, InvalidArgument, type Registration } from 'rx-discovery'
import { pemFiles, type ConnectOptions } from 'rx-discovery/etcd'
import { enableAuth } from './auth.js'
import { own } from './own.js'
import { registeredAndDiscovered } from './registered-and-discovered.js'
import { faultProxy } from './proxy.js'
import { etcdServer } from './server.js'
import { certificates, type Identity } from './tls.js'

/** A registration and a discovery over such a connection, and when both run. */
const connected = (options: ConnectOptions) => {
  const seen = registeredAndDiscovered(options)
  const { sets, states } = seen
  const running = () => vi.waitFor(() => expect([sets.at(-1)?.status, sets.at(-1)?.size, states.at(-1)?.status]).toEqual(['live', 1, 'registered']), 20_000)
  return { ...seen, running }
}
const leases = (states: readonly Registration[]): ReadonlySet<string> => new Set(states.flatMap(state => (state.status === 'registered' ? [state.leaseId] : [])))
/** The statuses from the first registration on: on a slow machine it may take a second try. */
const sinceRegistered = (states: readonly Registration[]): readonly string[] => statuses(states.slice(states.findIndex(({ status }) => status === 'registered')))
const statuses = (states: readonly { readonly status: string }[]): readonly string[] => [...new Set(states.map(({ status }) => status))]

/** An etcd with TLS behind a proxy, and the files of a client certificate. */
const secured = async () => {
  const certs = certificates()
  const etcd = own(await etcdServer({ tls: certs }), it => it.close())
  const proxy = own(await faultProxy(etcd.endpoint), it => it.close())
  const [rootCertificate, certChain, privateKey] = ['client-ca.crt', 'client.crt', 'client.key'].map(name => join(etcd.dir, name)) as [string, string, string]
  writeFileSync(rootCertificate, certs.ca)
  const write = ({ cert, key }: Identity): void => {
    writeFileSync(certChain, cert)
    writeFileSync(privateKey, key)
  }
  return { ...certs, etcd, proxy, write, paths: { rootCertificate, certChain, privateKey } }
}

describe('a client certificate that expires', () => {
  it('12.8 12.14 is replaced by the renewed files when the connection breaks: the lease is kept, over one connection', async () => {
    const { proxy, etcd, write, client, clientFor, paths } = await secured()
    const expiresAt = Date.now() + 6_000
    write(clientFor('client', 6_000))
    const { sets, states, errors, running } = connected({ hosts: proxy.endpoint, credentials: pemFiles(paths) })
    await running()
    write(client)
    await sleep(expiresAt - Date.now() + 500)
    expect(statuses(sets)).toEqual(['pending', 'live'])
    for (let cut = 1; cut <= 3; cut += 1) {
      const before = sets.length
      proxy.reset()
      await vi.waitFor(() => expect(sets.slice(before).map(({ status }) => status)).toEqual(expect.arrayContaining(['live'])), 5_000)
    }
    await etcd.client().put('/rx-discovery/web/other').value('{"v":1,"address":"10.0.0.2:8080"}')
    await vi.waitFor(() => expect(sets.at(-1)?.size).toBe(2), 5_000)
    expect(sinceRegistered(states)).toEqual(['registered'])
    expect(leases(states).size).toBe(1)
    expect(errors).toEqual([])
    expect(proxy.connections()).toBe(1)
  })

  it('12.8 and is renewed late: the trouble names the certificate, and the lease is kept if the files come within its TTL', async () => {
    const { proxy, write, client, clientFor, paths } = await secured()
    const expiresAt = Date.now() + 6_000
    write(clientFor('client', 6_000))
    const { sets, states, running } = connected({ hosts: proxy.endpoint, credentials: pemFiles(paths) })
    await running()
    await sleep(expiresAt - Date.now() + 500)
    proxy.reset()
    await vi.waitFor(() => expect(sets.at(-1)?.trouble?.error.message).toMatch(/failed the TLS handshake \(etcd requires a client certificate that its authority has signed and that has not expired\): .*alert number 4[25]/), 5_000)
    // Node leaks a socket at each refusal, so there must be few: a channel that redials by itself makes some forty here.
    expect(proxy.connections()).toBeLessThan(10)
    // Half of a renewal: the new certificate with the former key.
    writeFileSync(paths.certChain, client.cert)
    await vi.waitFor(() => expect(sets.at(-1)?.trouble?.error.message).toMatch(/failed the TLS handshake.*; the function passed as credentials failed: .*client\.key must be certificates and a key that belong together/i), 5_000)
    write(client)
    await running()
    expect(leases(states).size).toBe(1)
    expect(sinceRegistered(states)).toEqual(['registered'])
  })

  it('12.8 is replaced by an asynchronous function, and a function that fails is no outage while the former ones are valid', async () => {
    const { proxy, ca, client, clientFor } = await secured()
    const expiresAt = Date.now() + 7_000
    let identity = clientFor('client', 7_000)
    let fails = false
    const credentials = async () => {
      await sleep(50)
      if (fails) throw new Error('the vault is sealed')
      return { rootCertificate: ca, certChain: identity.cert, privateKey: identity.key }
    }
    const { sets, states, running } = connected({ hosts: proxy.endpoint, credentials })
    await running()
    fails = true
    const before = sets.length
    proxy.reset()
    await vi.waitFor(() => expect(sets.slice(before).at(-1)?.status).toBe('live'), 5_000)
    identity = client
    await sleep(expiresAt - Date.now() + 500)
    proxy.reset()
    await vi.waitFor(() => expect(sets.at(-1)?.trouble?.error.message).toMatch(/failed the TLS handshake.*; the function passed as credentials failed: the vault is sealed/), 5_000)
    fails = false
    await running()
    expect(leases(states).size).toBe(1)
  })
})

describe('certificates from a function', () => {
  it('that are missing at first are an outage with the reason, and come into use when they are there', async () => {
    const { proxy, write, client, paths } = await secured()
    const { sets, states, errors, running } = connected({ hosts: proxy.endpoint, credentials: pemFiles(paths) })
    await vi.waitFor(() => expect([sets.at(-1)?.trouble?.attempt, states.at(-1)?.status]).toEqual([expect.toSatisfy(attempt => Number(attempt) > 1), 'lost']), 10_000)
    expect(sets.at(-1)?.trouble?.error).toBeInstanceOf(Disconnected)
    expect(sets.at(-1)?.trouble?.error.message).toContain(`the function passed as credentials failed: ${paths.privateKey} cannot be read: ENOENT: no such file or directory`)
    expect(states.at(-1)).toMatchObject({ cause: { name: 'Disconnected', message: expect.stringContaining('ENOENT') as unknown } })
    expect(errors).toEqual([])
    write(client)
    await running()
    expect(proxy.connections()).toBe(1)
  })

  it('that are wrong from the start are an outage that names what is wrong, and the function is asked once a second at most', async () => {
    const { proxy, ca, client } = await secured()
    let asked = 0
    const start = performance.now()
    const { sets } = connected({
      hosts: proxy.endpoint,
      credentials: () => {
        asked += 1
        return { rootCertificate: ca, privateKey: String(client.key) as never, certChain: client.cert }
      },
    })
    await vi.waitFor(() => expect(sets.at(-1)?.trouble?.error.message).toContain('the function passed as credentials failed: credentials().privateKey must be the content of a PEM file, as a Buffer (such as readFileSync(path))'), 5_000)
    await sleep(2_500)
    expect(asked).toBeLessThanOrEqual(Math.ceil((performance.now() - start) / 1_000) + 1)
  })

  it('(the paths are checked at once)', () => {
    expect(() => pemFiles({ rootCertificate: Buffer.from('x') as never })).toThrow(new InvalidArgument('rootCertificate', "must be the path of a PEM file, got a Buffer (such as '/etc/etcd/ca.pem')"))
    expect(() => pemFiles({} as never)).toThrow(InvalidArgument)
  })
})

describe.each(['simple', 'jwt'] as const)('a password that changes, with %s tokens', kind => {
  const guarded = async () => {
    const etcd = own(await etcdServer({ token: { kind, ttl: 300 }, flags: ['--bcrypt-cost', '4'] }), it => it.close())
    const proxy = own(await faultProxy(etcd.endpoint), it => it.close())
    return { etcd, proxy, ...(await enableAuth(etcd.client(), '/rx-discovery/')) }
  }

  it('is fetched from the function at the next login: the lease is kept', async () => {
    const { etcd, proxy, user, root } = await guarded()
    let { password } = user
    let asked = 0
    const auth = () => {
      asked += 1
      return asked % 2 === 1 ? { username: user.username, password } : Promise.resolve({ username: user.username, password })
    }
    const { sets, states, errors, running } = connected({ hosts: proxy.endpoint, auth })
    await running()
    const admin = etcd.client({ auth: root })
    for (const next of ['second', 'third']) {
      await admin.user(user.username).setPassword(next)
      password = next
      const before = sets.length
      // Simple tokens are forgotten at a restart, and JSON web tokens are older than the new password.
      await etcd.restart()
      await vi.waitFor(() => expect(sets.slice(before).at(-1)?.status).toBe('live'), 10_000)
      await running()
    }
    const renewals = () => Number((states.at(-1) as { readonly renewals?: number }).renewals)
    const before = renewals()
    await vi.waitFor(() => expect(renewals()).toBeGreaterThan(before), 10_000)
    expect(sinceRegistered(states)).toEqual(['registered'])
    expect(leases(states).size).toBe(1)
    expect(errors).toEqual([])
    expect(asked).toBeLessThanOrEqual(8)
  })

  it('and comes late, or whose function fails, is an outage that says why; it is asked once a second at most', async () => {
    const { etcd, proxy, user, root } = await guarded()
    const next = 'second'
    let auth: () => unknown = () => user
    let asked = 0
    const { sets, states, errors, running } = connected({
      hosts: proxy.endpoint,
      auth: () => {
        asked += 1
        return auth() as typeof user
      },
    })
    await running()
    await etcd.client({ auth: root }).user(user.username).setPassword(next)
    await etcd.restart()
    await vi.waitFor(() => expect(sets.at(-1)?.trouble?.error).toBeInstanceOf(Denied), 5_000)
    auth = () => Promise.reject(new Error(`403 for {"password":"${next}"} at https://x:${next}@vault`))
    const troubled = (message: string) => vi.waitFor(() => expect(sets.at(-1)?.trouble?.error.message).toContain(message), 5_000)
    await troubled('the function passed as auth failed: 403 for {"…":"…"} at https://…@vault')
    auth = () => ({ username: user.username })
    await troubled('the function passed as auth failed: auth().password must be a string')
    asked = 0
    await sleep(2_500)
    expect(asked).toBeLessThanOrEqual(4)
    auth = () => ({ ...user, password: next })
    await running()
    expect(errors).toEqual([])
    expect(leases(states).size).toBe(1)
  })
})
