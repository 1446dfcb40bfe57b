import { describe, expect, it, vi } from 'vitest'
import { map, of } from 'rxjs'
import { register, type Registration } from 'rx-discovery'
import { program } from './program.js'

const golden = (name: string): string => `./golden/list-${name}.txt`

/** A fleet with a leased instance, one without a lease, one that cannot be read, and keys that are none. */
const fleet = async (...args: Parameters<typeof program>) => {
  const it = program(...args)
  it.registry.write('/rx-discovery/web/by-hand', '{"address":"h:1","tags":["a","b"],"incarnation":"i1"}')
  it.registry.write('/rx-discovery/web/bad', '{')
  it.registry.write('/rx-discovery/alone', 'x')
  it.registry.write('/rx-discovery/./x', 'x')
  const states: Registration[] = []
  register(it.registry, { service: 'web', id: 'node1', address: 'h:2' }, { ttl: 10, random: () => 0.5 }).subscribe({ next: state => states.push(state), error: () => undefined })
  await vi.waitUntil(() => states.at(-1)?.status === 'registered', { timeout: 20_000 })
  return it
}

describe('list', () => {
  it('--wide adds lease, what is left of it, revision, incarnation, tags and key; keys that the format does not explain are named', async () => {
    const it = await fleet()
    expect(await it.run('list', '--wide')).toBe(0)
    await expect(it.printed.out.replace(/\d+\/10 s/, '9/10 s')).toMatchFileSnapshot(golden('wide'))
  })

  it('with --json has lease ids as strings, keys and revisions, and with --wide what is left of the TTL', async () => {
    const it = await fleet()
    const lease = '4611686018427387905'
    const big = program({}, {
      registryOf: () => ({
        ...it.registry,
        // Every lease has an id beyond the numbers that JSON can carry.
        list: (range, options) => it.registry.list(range, options).pipe(map(part => ({ ...part, changes: part.changes.map(change => (change.lease === '0' ? change : { ...change, lease })) }))),
        remaining: () => of({ granted: 10, left: 9, term: '1' }),
      }),
    })
    expect(await big.run('list', 'web', '--wide', '--json')).toBe(0)
    const { services } = JSON.parse(big.printed.out) as { services: { instances: object[] }[] }
    expect(services[0]?.instances).toMatchObject([
      { id: 'by-hand', key: '/rx-discovery/web/by-hand', leaseId: '0', revision: 2 },
      { id: 'node1', key: '/rx-discovery/web/node1', leaseId: lease, ttl: 10, left: 9 },
    ])
    expect(services[0]?.instances[0]).not.toHaveProperty('ttl')
  })

  it('--stale reads from one member', async () => {
    const it = await fleet()
    const asked: unknown[] = []
    const local = program({}, { registryOf: () => ({ ...it.registry, list: (range, options) => {
      asked.push(options?.local)
      return it.registry.list(range, options)
    } }) })
    expect(await local.run('list', 'web', '--stale')).toBe(0)
    expect(asked).toEqual([true, true])
    expect(local.lines()[0]).toBe('read from one member, which may be behind (--stale)')
  })

  it('if there is nothing, says where it looked, and what else there is', async () => {
    const empty = program()
    expect([await empty.run('list'), empty.lines()]).toEqual([0, ['no services under /rx-discovery/ (format native)', 'etcd holds no key at all']])
    const it = program()
    it.registry.write('/microservices/greeter/a', '{"id":"a","name":"greeter","version":"","metadata":{},"endpoints":["grpc://10.0.0.5:9000"]}')
    it.registry.write('/elsewhere', 'x')
    await it.run('list', 'greeter')
    expect(it.lines()).toEqual(['greeter: no instances under /rx-discovery/greeter/ (format native)', 'there is kratos under /microservices/: greeter (list --format kratos)'])
    const other = program()
    other.registry.write('/elsewhere', 'x')
    await other.run('list')
    expect(other.lines()).toEqual(['no services under /rx-discovery/ (format native)', 'etcd holds 1 key, none of them a service under the prefix that a format has by default (set --prefix)'])
  })

  it('--format auto does not go with --stale', async () => {
    const it = program()
    expect([await it.run('list', '--format', 'auto', '--stale'), it.printed.err]).toEqual([2, 'error: --stale cannot be used with --format auto, which needs linearizable reads\n'])
  })
})
