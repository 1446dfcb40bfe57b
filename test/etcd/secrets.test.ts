import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inspect } from 'node:util'
import { setTimeout as sleep } from 'node:timers/promises'
import { Etcd3 } from 'etcd3'
import { BehaviorSubject, Subject, type Observable } from 'rxjs'
import { describe, expect, it, vi } from 'vitest'
import { catalog, discover, register, type ClosableRegistry } from 'rx-discovery'
import { etcdRegistry, type ConnectOptions } from 'rx-discovery/etcd'
import type { Host, Signal } from '../../src/edge/cli/host.js'
import { run } from '../../src/edge/cli/run.js'
import { enableAuth, type Login } from './auth.js'
import { swallowing } from './black-holes.js'
import { own } from './own.js'
import { faultProxy } from './proxy.js'
import { etcdServer, type EtcdServer } from './server.js'
import { certificates } from './tls.js'

const prefix = '/rx-discovery/web/'
const wrong = 'wr0ng-passw0rd'
const secret = 'user-password'
const certs = certificates()
const { ca, client, expired } = certs
const stranger = certificates()
const keys = [client, expired, stranger.client].map(({ key }) => String(key))

/** Passwords, tokens of either kind, and keys, as text or as the bytes of it. */
const secrets: readonly RegExp[] = [
  new RegExp(`${wrong}|${secret}|root-password`),
  /\b[A-Za-z]{16}\.\d+\b/,
  /\beyJ[\w-]+\.[\w-]+/,
  /PRIVATE KEY/,
  new RegExp(keys.flatMap(key => key.split('\n').filter(line => line.length > 20 && !line.startsWith('-'))).map(line => line.replace(/[+/]/g, '\\$&')).join('|')),
  /2d 2d 2d 2d 2d 42 45 47 49 4e/,
]
const found = (text: string): readonly string[] => secrets.flatMap(pattern => {
  const match = pattern.exec(text)
  return match === null ? [] : [text.slice(Math.max(0, match.index - 200), match.index + 60)]
})

/** Everything that a user could print of a value. */
const printed = (thing: unknown): string => {
  const texts = [false, true].map(showHidden => inspect(thing, { depth: 10, showHidden, maxArrayLength: null, maxStringLength: null, getters: true }))
  const json = ((): string => {
    try {
      return JSON.stringify(thing)
    } catch {
      return ''
    }
  })()
  if (!(thing instanceof Error)) return [...texts, json, String(thing)].join('\n')
  return [...texts, json, String(thing), thing.message, thing.stack ?? '', printed(thing.cause)].join('\n')
}

/** Collects what users see, as they would print it. */
const witness = () => {
  const seen: string[] = []
  const names = new Set<string>()
  const see = (thing: unknown): void => void seen.push(printed(thing))
  const error = (thing: unknown): void => {
    see(thing)
    if (thing instanceof Error) names.add(thing.name)
  }
  const watch = (source: Observable<unknown>) =>
    own(source.subscribe({
      next: value => {
        see(value)
        const { trouble, cause } = value as { readonly trouble?: { readonly error: unknown }; readonly cause?: unknown }
        if (trouble) error(trouble.error)
        if (cause) error(cause)
      },
      error,
    }), it => it.unsubscribe())
  const clean = (): void => {
    for (const text of seen) expect(found(text)).toEqual([])
  }
  return { see, error, watch, names, clean }
}

const node = { service: 'web', id: 'node', address: '10.0.0.1:8080' }
/** Does everything that a user does with a registry. */
const use = (registry: ClosableRegistry) => {
  const { watch, see, ...rest } = witness()
  see(registry)
  watch(discover(registry, 'web'))
  watch(discover(registry, 'foreign'))
  watch(catalog(registry))
  watch(register(registry, node, { ttl: 2 }))
  watch(registry.list(prefix))
  watch(registry.check(prefix, 0))
  watch(registry.watch(prefix, 1))
  watch(registry.lease(2))
  watch(registry.put([{ key: `${prefix}other`, value: 'x', expect: 0 }], { id: '77', ttl: 1, expiresAt: 0, renewals: 0 }))
  return { watch, see, ...rest }
}
/** Uses a registry until errors of all `names` have come, then closes it and inspects it again. */
const provoke = async (options: ConnectOptions | Etcd3, names: readonly string[], meanwhile: () => unknown = () => undefined): Promise<void> => {
  const registry = own(etcdRegistry(options), it => it.close())
  const used = use(registry)
  await meanwhile()
  await vi.waitFor(() => expect([...used.names]).toEqual(expect.arrayContaining([...names])), 20_000)
  // Later attempts of the same outage may have other messages.
  await sleep(1_000)
  used.see(registry)
  void registry.close()
  used.watch(registry.list(prefix))
  used.see(registry)
  used.clean()
}

const guarded = async (kind: 'simple' | 'jwt', ttl = 300): Promise<EtcdServer & { readonly user: Login; readonly root: Login }> => {
  const etcd = own(await etcdServer({ token: { kind, ttl } }), it => it.close())
  return { ...etcd, ...(await enableAuth(etcd.client(), prefix)) }
}

describe('nothing that is printed contains a secret', () => {
  it('(a secret would be found)', () => {
    const token = 'nQwZbPvTcKxLmRsD.42'
    for (const thing of [new Error('x', { cause: { metadata: { token } } }), { password: wrong }, client, { key: String(client.key).split('\n')[1] }, Object.assign(new Error('x'), { auth: ['eyJhbGciOi.eyJ1c2Vy'] })])
      expect(found(printed(thing))).not.toEqual([])
    expect(found(printed(new Error('an outage of 127.0.0.1:2379')))).toEqual([])
  })

  it.each(['simple', 'jwt'] as const)('after a wrong password, with %s tokens, with our client or the user\'s own', async kind => {
    const { endpoint, user } = await guarded(kind)
    await provoke({ hosts: endpoint, auth: { ...user, password: wrong } }, ['Denied'])
    await provoke(own(new Etcd3({ hosts: endpoint, auth: { ...user, password: wrong } }), it => it.close()), ['Denied'])
    await provoke({ hosts: endpoint }, ['Denied'])
  })

  it.each(['simple', 'jwt'] as const)('after a role, a password and a %s token are taken away, a lease is lost, and an outage', async kind => {
    const { endpoint, user, root, client: clientOf, kill } = await guarded(kind, 2)
    const proxy = own(await faultProxy(endpoint), it => it.close())
    await provoke({ hosts: proxy.endpoint, auth: user }, ['Denied', 'Disconnected', 'LeaseLost'], async () => {
      await vi.waitFor(async () => expect(await clientOf({ auth: root }).get(`${prefix}node`)).not.toBeNull(), 10_000)
      const { leases } = await clientOf({ auth: root }).leaseClient.leaseLeases()
      await Promise.all(leases.map(({ ID }) => clientOf({ auth: root }).leaseClient.leaseRevoke({ ID })))
      await clientOf({ auth: root }).user(user.username).removeRole('services')
      await sleep(2_500)
      proxy.reset()
      await sleep(1_000)
      await clientOf({ auth: root }).user(user.username).setPassword('another')
      proxy.reset()
      await sleep(1_000)
      await kill()
      await sleep(1_000)
    })
  })

  it('if a server accepts everything and never answers, or refuses the connection', async () => {
    const hole = own(await swallowing(), it => it.close())
    const auth = { username: 'user', password: secret }
    await provoke({ hosts: hole.host, auth }, ['Disconnected'])
    await provoke({ hosts: 'localhost:1', auth }, ['Disconnected'])
  })

  it('if certificates and keys are wrong, expired or missing', async () => {
    const { endpoint } = own(await etcdServer({ tls: certs }), it => it.close())
    const credentials = [
      { rootCertificate: ca },
      { rootCertificate: ca, certChain: expired.cert, privateKey: expired.key },
      { rootCertificate: ca, certChain: stranger.client.cert, privateKey: stranger.client.key },
      { rootCertificate: stranger.ca, certChain: client.cert, privateKey: client.key },
    ]
    for (const each of credentials) await provoke({ hosts: endpoint, credentials: each }, ['Disconnected'])
  })

  it('if functions for credentials and passwords fail, return something wrong, or return it late', async () => {
    const { endpoint } = own(await etcdServer({ tls: certs }), it => it.close())
    const right = { rootCertificate: ca, certChain: client.cert, privateKey: client.key }
    const store = Object.assign(new Error(`GET https://user:${secret}@vault failed for "${secret}": ${String(client.key)}`), { request: { headers: { token: secret } } })
    const credentials: readonly (() => unknown)[] = [
      () => ({ ...right, privateKey: String(client.key) }),
      () => ({ ...right, privateKey: stranger.client.key }),
      () => ({ rootCertificate: ca, privateKey: client.key }),
      () => client.key,
      () => String(client.key),
      () => Promise.reject(store),
      () => {
        // eslint-disable-next-line @typescript-eslint/only-throw-error -- foreign code throws anything
        throw secret
      },
      () => JSON.parse(secret) as unknown,
      // Later attempts ask again, so this one goes on failing.
      () => sleep(10).then(() => ({ ...right, certChain: expired.cert, privateKey: expired.key })),
    ]
    await Promise.all(credentials.map(each => provoke({ hosts: endpoint, credentials: each as NonNullable<ConnectOptions['credentials']> }, ['Disconnected'])))
    const { endpoint: open, user } = await guarded('simple')
    const auth: readonly (() => unknown)[] = [
      () => ({ username: user.username, password: Buffer.from(secret) }),
      () => secret,
      () => `${user.username}:${secret}`,
      () => [user.username, secret],
      () => ({ username: [secret], password: secret }),
      () => Promise.reject(store),
    ]
    await Promise.all(auth.map(each => provoke({ hosts: open, auth: each as NonNullable<ConnectOptions['auth']> }, ['Disconnected'])))
    await provoke({ hosts: open, auth: () => Promise.resolve({ ...user, password: wrong }) }, ['Denied'])
  }, 60_000)

  it('if options are invalid', () => {
    const { error, clean, names } = witness()
    const bad: readonly (() => unknown)[] = [
      () => etcdRegistry({ hosts: `http://user:${secret}@localhost:2379` }),
      () => etcdRegistry({ hosts: ['localhost:2379', `user:${secret}@localhost`] }),
      () => etcdRegistry({ hosts: 'https://localhost:2379', credentials: { rootCertificate: ca, certChain: client.cert, privateKey: stranger.client.key } }),
      () => etcdRegistry({ hosts: 'https://localhost:2379', credentials: { rootCertificate: ca, certChain: client.key, privateKey: client.cert } }),
      () => etcdRegistry({ hosts: 'https://localhost:2379', credentials: { rootCertificate: client.key } }),
      () => etcdRegistry({ hosts: 'https://localhost:2379', credentials: { rootCertificate: ca, certChain: client.cert, privateKey: Buffer.from(String(client.key).slice(0, 80)) } }),
    ]
    for (const make of bad)
      try {
        void (make() as ClosableRegistry).close()
      } catch (thrown) {
        error(thrown)
      }
    expect([...names]).toEqual(['InvalidArgument'])
    clean()
  })

  it('on the command line', async () => {
    const { endpoint, user, client: clientOf } = await guarded('simple')
    await clientOf({ auth: user }).put(`${prefix}node`).value(JSON.stringify({ v: 1, address: '10.0.0.1:8080' }))
    const dir = own(mkdtempSync(join(tmpdir(), 'secrets-')), it => rmSync(it, { recursive: true }))
    const file = (name: string, content: Buffer): string => {
      writeFileSync(join(dir, name), content)
      return join(dir, name)
    }
    const files = { ca: file('ca', ca), key: file('key', client.key), crt: file('crt', client.cert) }
    const outputs: string[] = []
    const cli = async (argv: readonly string[], password = wrong): Promise<void> => {
      const end = new Subject<Signal>()
      const said = new BehaviorSubject('')
      const print = (text: string): void => said.next(said.value + text)
      const host: Host = {
        env: { ETCD_ENDPOINTS: endpoint, ETCD_USER: user.username, ETCD_PASSWORD: password },
        print,
        printError: print,
        signals: end,
        registryOf: options => etcdRegistry(options),
        version: '0', folder: '/package', boardScript: () => Buffer.from(''),
      }
      const over = run(argv, host)
      const stop = setTimeout(() => end.next('SIGTERM'), 3_000)
      await over
      clearTimeout(stop)
      outputs.push(said.value)
    }
    for (const command of [['list', 'web'], ['watch', 'web'], ['watch', 'web', '--json'], ['register', 'web', '--address', 'h:1']]) {
      await cli(command)
      await cli(command, secret)
      await cli([...command, '--user', `user:${secret}`])
      await cli([...command, '--endpoints', `http://user:${secret}@localhost:2379`])
      await cli([...command, '--endpoints', endpoint.replace('http', 'https'), '--cacert', files.ca, '--cert', files.key, '--key', files.crt])
      await cli([...command, '--endpoints', endpoint.replace('http', 'https'), '--cacert', files.ca, '--cert', files.crt, '--key', files.key])
    }
    expect(outputs.filter(output => output === '')).toEqual([])
    for (const output of outputs) expect(found(output)).toEqual([])
  }, 120_000)
})
