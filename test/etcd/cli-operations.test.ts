import { describe, expect, inject, it, vi } from 'vitest'
import { register, type Registration } from 'rx-discovery'
import { etcdRegistry } from 'rx-discovery/etcd'
import { program } from '../edge/cli/program.js'
import { enableAuth } from './auth.js'
import { own } from './own.js'
import { etcdServer, plainClient, type EtcdServer } from './server.js'

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
