import { exhaustMap, firstValueFrom, NEVER } from 'rxjs'
import { describe, expect, it } from 'vitest'
import { memoryRegistry } from 'rx-discovery/memory'
import type { ClosableRegistry } from '../../../src/flow/registry.js'
import { findFormats, type FoundFormats } from '../../../src/edge/cli/find-formats.js'
import type { Host } from '../../../src/edge/cli/host.js'
import { run } from '../../../src/edge/cli/run.js'

/** What a fleet of many stacks keeps in one etcd. */
const fleet: Readonly<Record<string, string>> = {
  '/rx-discovery/web/node1': '{"v":1,"address":"10.0.0.1:80"}',
  '/rx-discovery-overrides/web/node1': 'draining',
  '/microservices/helloworld/a': '{"id":"a","name":"helloworld","version":"v1","metadata":null,"endpoints":["http://10.0.0.2:80","grpc://10.0.0.2:90"]}',
  '/micro/registry/greeter/greeter-1': '{"name":"greeter","version":"latest","metadata":null,"endpoints":null,"nodes":[{"metadata":null,"id":"greeter-1","address":"10.0.0.3:80"}]}',
  'kitex/registry-etcd/echo/10.0.0.4:80': '{"network":"tcp","address":"10.0.0.4:80","weight":10,"tags":null}',
  'hertz/registry-etcd/page/10.0.0.5:80': '{"network":"tcp","address":"10.0.0.5:80","weight":10,"tags":null}',
  '/services/app/10.0.0.6:80': '{"ID":"10.0.0.6:80","ServiceName":"app","Host":"10.0.0.6","Port":80,"Weight":0,"Enable":true,"Healthy":true,"Metadata":{}}\n',
  '/services/foosvc/10.0.0.7:80': 'http://10.0.0.7:80',
  '/skydns/local/skydns/x5': '{"host":"10.0.0.8","port":80}',
  '/skydns/arpa/in-addr/10/0/0/8': '{"host":"x5.skydns.local"}',
  '/rpcx_test': 'rpcx_path',
  '/rpcx_test/Arith': 'Arith',
  '/rpcx_test/Arith/tcp@10.0.0.9:80': 'weight=4',
  '/service/default/default/hello.svc/latest/10.0.0.10:80': '{"protocol":"http"}',
  '/service/batman/leader': 'node1',
  '/service/batman/members/node1': '{"conn_url":"postgres://admin:hunter2@10.0.0.11:5432/db"}',
  'foo/bar/my-svc/e1': '{"Op":0,"Addr":"10.0.0.12:80","Metadata":null}',
  'user.rpc/7587870460981677828': '10.0.0.13:80',
  'user.rpc/7587870460981677829': '10.0.0.14:80',
  '/web/node1': '10.0.0.15:80',
  '/config/feature': 'on',
}

const filled = async (content: Readonly<Record<string, string>>): Promise<ClosableRegistry> => {
  const registry = memoryRegistry()
  if (Object.keys(content).length === 0) return registry
  const entries = Object.entries(content).map(([key, value]) => ({ key, value, expect: 0 }))
  // The lease lives until the registry is closed.
  await new Promise((resolve, reject) => registry.lease(3600).pipe(exhaustMap(lease => registry.put(entries, lease))).subscribe({ next: resolve, error: reject }))
  return registry
}

const summary = ({ found }: FoundFormats): readonly string[] => found.map(({ format, services, keys }) => `${format.name} ${services.join(',')} ${keys}`)

describe('findFormats', () => {
  it('finds each format that lives in an etcd, and claims no key twice', async () => {
    const registry = await filled(fleet)
    const all = await firstValueFrom(findFormats(registry))
    expect(summary(all)).toEqual([
      'native web 1', 'kratos helloworld 1', 'goMicro greeter 1', 'kitex echo 1', 'kitex page 1', 'dubbo app 1', 'skyDns skydns.local 1', 'rpcx Arith 1',
      'goFrame hello.svc 1', 'goKit foosvc 1', 'grpcNaming foo/bar/my-svc 1', 'goZero user.rpc 2', 'plain web 1',
    ])
    expect([all.keys, all.skipped]).toEqual([Object.keys(fleet).length, []])
  })

  it('finds nothing in an etcd without services', async () => {
    expect(await firstValueFrom(findFormats(await filled({ '/config/a': 'on', b: '{}' })))).toMatchObject({ found: [], keys: 2 })
    expect(await firstValueFrom(findFormats(memoryRegistry()))).toEqual({ found: [], keys: 0, skipped: [] })
  })

  it('looks only under the roots that formats have if there are more keys, and reports what it left out', async () => {
    const many = Object.fromEntries(Array.from({ length: 10 }, (_, index) => [`/microservices/big/${index}`, '{}']))
    const all = await firstValueFrom(findFormats(await filled({ ...fleet, ...many }), { keys: 8, values: 100 }))
    expect(summary(all)).toEqual(['native web 1', 'goMicro greeter 1', 'kitex echo 1', 'kitex page 1', 'dubbo app 1', 'skyDns skydns.local 1', 'rpcx Arith 1', 'goFrame hello.svc 1', 'goKit foosvc 1'])
    expect(all.skipped).toEqual([{ prefix: '/microservices/', keys: 11 }, { prefix: '', keys: expect.any(Number) as number }])
  })

  it('reads at most as many values as it may', async () => {
    const services = Object.fromEntries(Array.from({ length: 50 }, (_, index) => [`/microservices/s${index}/a`, '{"id":"a"}']))
    const registry = await filled(services)
    let reads = 0
    const counting: ClosableRegistry = { ...registry, check: registry.check.bind(registry), list: (range, options) => (reads++, registry.list(range, options)) }
    await firstValueFrom(findFormats(counting, { keys: 100, values: 20 }))
    expect(reads).toBe(10)
  })
})

describe('list --format auto', () => {
  const list = async (content: Readonly<Record<string, string>>, ...argv: readonly string[]) => {
    const registry = await filled(content)
    const printed = { out: '', err: '' }
    const host: Host = {
      ...{ env: {}, signals: NEVER, boardScript: () => Buffer.from(''), version: '1.2.3', folder: '/package', registryOf: () => registry },
      print: (text: string) => void (printed.out += text),
      printError: (text: string) => void (printed.err += text),
    }
    return { code: await run(['list', '--format', 'auto', ...argv], host), ...printed }
  }

  it('prints which formats it has found, and the instances of all of them', async () => {
    const { code, out, err } = await list(fleet)
    expect({ code, err }).toEqual({ code: 0, err: '' })
    expect(out.split('\n').filter(line => line.startsWith('found '))).toHaveLength(13)
    expect(out).toContain('found kratos under /microservices/: services 1, keys 1\n')
    expect(out).toContain('found goZero: services 1, keys 2\n')
    expect(out).toMatch(/^FORMAT +SERVICE +ID +ADDRESS/m)
    expect(out).toMatch(/^goZero +user\.rpc +10\.0\.0\.14:80/m)
    expect(out.match(/10\.0\.0\.\d+:80 +up/g)).toHaveLength(14)
    expect(out).not.toMatch(/hunter2|^!/m)
  })
  it('prints JSON, of the services that are named', async () => {
    const document = JSON.parse((await list(fleet, 'web', '--json')).out) as { formats: unknown[]; services: { format: string; service: string }[] }
    expect(document.formats[1]).toEqual({ format: 'kratos', root: '/microservices/', services: 1, keys: 1 })
    expect(document.services.map(({ format, service }) => `${format} ${service}`)).toEqual(['native web', 'plain web'])
  })
  it('gives addresses without a port that of --default-port, in the formats that take one', async () => {
    const content = { '/services/app/a': 'http://10.0.0.1', '/web/a': '10.0.0.2', 'kitex/registry-etcd/echo/10.0.0.3:80': '{"network":"tcp","address":"10.0.0.3:80","weight":10,"tags":null}' }
    expect((await list(content)).out).not.toContain('goKit')
    const { out } = await list(content, '--default-port', '8080')
    expect(out.match(/10\.0\.0\.\d\S*/g)).toEqual(['10.0.0.3:80', '10.0.0.3:80', '10.0.0.1:8080'])
  })
  it('prints that it found none', async () => {
    expect((await list({ a: 'b' })).out).toBe('found no format of services among 1 key\n')
  })
})
