import { describe, expect, inject, it, vi } from 'vitest'
import { catalog, register, type Registration } from 'rx-discovery'
import { etcdRegistry } from 'rx-discovery/etcd'
import { program } from '../edge/cli/program.js'
import { enableAuth } from './auth.js'
import { own } from './own.js'
import { etcdCluster, etcdServer, plainClient, type EtcdServer } from './server.js'

const within = { timeout: 30_000, interval: 20 }
const server = async (): Promise<EtcdServer> => own(await etcdServer(), it => it.close())

/** Runs the command line on an etcd, once. A slow machine is no news here. */
const ran = async (env: Readonly<Record<string, string>>, ...argv: readonly string[]) => {
  const it = program(env, { registryOf: etcdRegistry })
  return { code: await it.run(...argv), out: it.printed.out, err: it.printed.err.replace(/^no answer yet.*\n/gm, '') }
}

describe('drain', () => {
  it('outlives the program, is obeyed by a process that starts later, and ends with undrain', { timeout: 120_000 }, async () => {
    const hosts = inject('etcdEndpoints')
    const env = { ETCD_ENDPOINTS: hosts.join() }
    const service = `drained-${process.pid}-${Date.now()}`
    const client = own(plainClient({ hosts }), it => it.close())
    const starts = async (id: string) => {
      const registry = own(etcdRegistry({ hosts }), it => it.close())
      const states: Registration[] = []
      own(register(registry, { service, id, address: `${id}:80`, zone: 'a' }, { ttl: 5 }).subscribe(state => states.push(state)), it => it.unsubscribe())
      await vi.waitUntil(() => states.at(-1)?.status === 'registered', within)
      return registry
    }
    const first = await starts('node1')
    await starts('node2')
    expect(await ran(env, 'drain', `${service}/node1`)).toEqual({ code: 0, out: `~ ${service}/node1 is draining; 1 other instance of ${service} is up\n`, err: '' })
    await first.close()
    await starts('node1')
    expect(await client.get(`/rx-discovery/${service}/node1`).string()).toContain('"status":"draining"')
    expect((await ran(env, 'list', service)).out.split('\n')[1]?.split(/ +/)).toEqual([service, 'node1', 'node1:80', 'draining', '1', '-', 'a', 'overridden'])
    expect(await ran(env, 'undrain', `${service}/node1`)).toEqual({ code: 0, out: `~ ${service}/node1 is given back; it is up\n`, err: '' })
    expect(await client.get(`/rx-discovery-overrides/${service}/node1`)).toBeNull()
  })
})

describe('without a permission', () => {
  it('every command names the user, what the user may not do, and the command of etcdctl that allows it', { timeout: 120_000 }, async () => {
    const etcd = await server()
    const { user } = await enableAuth(etcd.client(), '/rx-discovery/web/')
    const env = { ETCD_ENDPOINTS: etcd.endpoint, ETCD_USER: user.username, ETCD_PASSWORD: user.password }
    const refusal = async (...argv: readonly string[]): Promise<string> => {
      const { code, out, err } = await ran(env, ...argv)
      expect({ argv, code, out: out.replace(/^.*is registering\n/, '') }).toEqual({ argv, code: 1, out: '' })
      expect(err).not.toContain(user.password)
      return err.replaceAll(etcd.endpoint, 'HOST')
    }
    const denied = 'error: HOST: permission denied: user "user" may not'
    const allow = (permission: string, prefix: string): string => `(root can allow it: etcdctl role grant-permission ROLE --prefix=true ${permission} ${prefix})\n`
    const orders = `${denied} read /rx-discovery/orders/ ${allow('read', '/rx-discovery/orders/')}`
    expect(await refusal('list', 'orders')).toBe(orders)
    expect(await refusal('watch', 'orders')).toBe(orders)
    expect(await refusal('events', 'orders', '--since', '1', '--until', '2')).toBe(orders)
    expect(await refusal('list')).toBe(`${denied} read /rx-discovery/ ${allow('read', '/rx-discovery/')}`)
    expect(await refusal('list', '--format', 'auto')).toContain("may not read /rx-discovery (root can allow it: etcdctl role grant-permission ROLE read /rx-discovery)")
    const override = '/rx-discovery-overrides/web/node1'
    for (const command of ['drain', 'undrain']) expect(await refusal(command, 'web/node1')).toBe(`${denied} read ${override} ${allow('readwrite', '/rx-discovery-overrides/')}`)
    expect(await refusal('register', 'orders', '--address', 'h:1')).toMatch(/^error: HOST: permission denied: user "user" may not (read|write) \/rx-discovery\/orders\/h:1 \(root can allow it: etcdctl role grant-permission ROLE .*\/rx-discovery\/orders\//)
    // What is allowed still works, without the permission to read overrides.
    expect(await ran(env, 'list', 'web')).toMatchObject({ code: 0, err: '' })
  })
})

describe('doctor', () => {
  /** What differs from run to run. */
  const steady = (text: string, hosts: readonly string[]): string =>
    hosts
      .reduce((shown, host, index) => shown.replaceAll(host, `http://etcd${index + 1}:2379`), text)
      .replace(/the cluster [\da-f]{9,}/g, 'the cluster ID')
      .replace(/on member [\da-f]{9,}/g, 'on member ID')
      .replace(/to [\da-f]{9,}/g, 'to ID')
      .replace(/^(ok|warn|fail)  ? {2}latency .*$/m, 'latency')
      .replace(/etcd 3\.\d+\.\d+ .*$/m, 'VERSION')
      .replace(/(the cluster has no quorum [^:]*:).*$/m, '$1 …')
      .replace(/doctor-[\da-f]+/g, 'doctor-ID')
      .replace(/connect ECONNREFUSED [\d.:]+/g, 'connect ECONNREFUSED')
  const examined = async (hosts: readonly string[], argv: readonly string[] = [], env: Readonly<Record<string, string>> = {}) => {
    const { code, out, err } = await ran({ ETCD_ENDPOINTS: hosts.join(), ...env }, 'doctor', ...argv)
    expect(err).toBe('')
    return { code, out: steady(out, hosts), lines: out.split('\n').slice(0, -1) }
  }
  const golden = (name: string): string => `./golden/doctor-${name}.txt`

  it('finds a healthy etcd well, and leaves nothing behind', { timeout: 120_000 }, async () => {
    const etcd = await server()
    const registry = own(etcdRegistry({ hosts: etcd.endpoint }), it => it.close())
    const states: Registration[] = []
    own(register(registry, { service: 'web', id: 'node1', address: 'h:1' }, { ttl: 10 }).subscribe(state => states.push(state)), it => it.unsubscribe())
    await vi.waitUntil(() => states.at(-1)?.status === 'registered', within)
    const sets: number[] = []
    own(catalog(registry).subscribe(({ size }) => sets.push(size)), it => it.unsubscribe())
    await vi.waitUntil(() => sets.length > 0, within)
    const { code, out } = await examined([etcd.endpoint])
    expect(code).toBe(0)
    await expect(out).toMatchFileSnapshot(golden('healthy'))
    const client = etcd.client()
    expect((await client.getAll().prefix('/').keys())).toEqual(['/rx-discovery/web/node1'])
    expect((await client.leaseClient.leaseLeases()).leases).toHaveLength(1)
    // The key of the doctor was in no set.
    expect(sets.every(size => size === 1)).toBe(true)
    const document = JSON.parse((await ran({ ETCD_ENDPOINTS: etcd.endpoint }, 'doctor', 'web', '--json')).out) as { findings: readonly object[] }
    expect(document.findings).toContainEqual({ category: 'alarms', status: 'ok', text: 'no alarm is raised', see: 'docs/cli.md#alarms', file: '/package/docs/cli.md' })
    expect(document.findings).toContainEqual(expect.objectContaining({ category: 'quorum', see: 'docs/reliability.md#results-three-members', file: '/package/docs/reliability.md' }))
  })

  it('names keys without a lease, long TTLs and unreadable entries', { timeout: 120_000 }, async () => {
    const etcd = await server()
    const client = etcd.client()
    await client.put('/rx-discovery/web/by-hand').value('{"address":"h:1"}')
    await client.put('/rx-discovery/web/bad').value('{')
    const { ID } = await client.leaseClient.leaseGrant({ TTL: 86_400 })
    await client.put('/rx-discovery/web/for-days').value('{"address":"h:2"}').lease(ID)
    const { code, out } = await examined([etcd.endpoint])
    expect(code).toBe(0)
    await expect(out).toMatchFileSnapshot(golden('leases'))
  })

  it('warns of an endpoint that is away, and fails without quorum', { timeout: 180_000 }, async () => {
    const cluster = own(await etcdCluster(), it => it.close())
    const [first, second] = cluster.members as [EtcdServer, EtcdServer, EtcdServer]
    await first.kill()
    // If it was the leader, the others elect another one.
    await vi.waitUntil(() => second.client().get('/').then(() => true, () => false), within)
    const away = await examined(cluster.endpoints)
    expect([away.code, away.lines.filter(line => line.startsWith('fail'))]).toEqual([0, []])
    await expect(away.out).toMatchFileSnapshot(golden('one-away'))
    await second.kill()
    const noQuorum = await examined(cluster.endpoints)
    expect(noQuorum.code).toBe(1)
    await expect(noQuorum.out).toMatchFileSnapshot(golden('no-quorum'))
  })

  it('fails if etcd has reached its quota', { timeout: 120_000 }, async () => {
    const etcd = await server()
    const { maintenance, kv } = etcd.client()
    const { header } = await kv.range({ key: Buffer.from('/') })
    await maintenance.alarm({ memberID: header.member_id, alarm: 'Nospace', action: 'Activate' })
    const { code, out } = await examined([etcd.endpoint])
    expect(code).toBe(1)
    await expect(out).toMatchFileSnapshot(golden('nospace'))
  })

  it('fails if the endpoints belong to two clusters', { timeout: 120_000 }, async () => {
    const [one, other] = [own(await etcdServer({ flags: ['--initial-cluster-token', 'one'] }), it => it.close()), await server()]
    await other.wipe('another')
    const { code, lines } = await examined([one.endpoint, other.endpoint])
    expect(code).toBe(1)
    expect(lines.find(line => line.startsWith('fail'))).toMatch(/^fail {2}cluster +the endpoints belong to 2 clusters, so registrations and consumers may not meet: http:\S+ to [\da-f]+; http:\S+ to [\da-f]+$/)
    expect(lines).toContain('see   cluster      /package/docs/etcd.md, "Hosts that change"')
  })

  it('names what a narrow role may not do, and is content with its own service', { timeout: 120_000 }, async () => {
    const etcd = await server()
    const { user } = await enableAuth(etcd.client(), '/rx-discovery/web/')
    const env = { ETCD_USER: user.username, ETCD_PASSWORD: user.password }
    const all = await examined([etcd.endpoint], [], env)
    expect(all.code).toBe(1)
    await expect(all.out).toMatchFileSnapshot(golden('narrow-role'))
    const own$ = await examined([etcd.endpoint], ['web'], env)
    expect(own$.code).toBe(0)
    await expect(own$.out).toMatchFileSnapshot(golden('own-service'))
    const wrong = await examined([etcd.endpoint], [], { ...env, ETCD_PASSWORD: 'wr0ng' })
    expect([wrong.code, ...wrong.lines.slice(-3)]).toEqual([1, expect.stringMatching(/^fail {2}login .*authentication failed/), 'see   login      /package/docs/etcd.md, "TLS and logins"', '1 failure'])
    expect(wrong.out).not.toContain('wr0ng')
  })
})

it('list --stale answers without quorum, where list names what to do', { timeout: 180_000 }, async () => {
  const cluster = own(await etcdCluster(), it => it.close())
  await cluster.members[0]?.client().put('/rx-discovery/web/node1').value('{"address":"h:1"}')
  const [first, second, third] = cluster.members as [EtcdServer, EtcdServer, EtcdServer]
  const env = { ETCD_ENDPOINTS: third.endpoint }
  await vi.waitUntil(async () => (await ran(env, 'list', '--stale')).out.includes('node1'), within)
  await Promise.all([first.kill(), second.kill()])
  await vi.waitFor(async () => expect(await ran(env, 'list')).toMatchObject({ code: 1, err: expect.stringContaining('has no leader') as unknown }), within)
  expect((await ran(env, 'list')).err).toContain('(rx-discovery doctor shows which members are missing; list --stale reads what this one knows)')
  const { code, out } = await ran(env, 'list', '--stale')
  expect([code, out.split('\n')[0], out.split('\n')[2]?.split(/ +/).slice(0, 3)]).toEqual([0, 'read from one member, which may be behind (--stale)', ['web', 'node1', 'h:1']])
})
