import { either as E, option as O } from 'fp-ts'
import { describe, expect, it } from 'vitest'
import { InvalidArgument } from '../../../src/core/errors.js'
import type { Format } from '../../../src/core/formats/format.js'
import { serviceInstance, type ServiceInstance, type ServiceInstanceInput } from '../../../src/core/instance/instance.js'
import { dubbo, goFrame, goKit, goMicro, goZero, grpcNaming, kitex, kratos, rpcx, skyDns } from '../../../src/edge/formats/index.js'
import { lease, outcome } from './example-formats.js'
import { foreignFormats } from './foreign-formats.js'

const any = (format: unknown): Format => format as Format
const decoded = (format: unknown, key: string, value: string, service: string): ServiceInstance | string => {
  const found = any(format).decode(key, value, service)
  return E.isRight(found) && O.isSome(found.right) ? found.right.value : outcome(any(format), key, value, service)
}
const written = (format: unknown, input: ServiceInstanceInput): readonly (string | null)[] => {
  const instance = serviceInstance(input)
  return [any(format).key(instance, lease), any(format).encode(instance)]
}

const dubboGo = (fields: string): string => `{${fields},"Enable":true,"Healthy":true,"Metadata":{},"ServiceMetadata":null,"Address":"","GroupName":"","Tag":""}\n`

describe('keys and values as the other side writes them', () => {
  it.each<[object, ServiceInstanceInput, string, string]>([
    [grpcNaming(), { service: 'my-svc', address: '10.0.0.5:8080' }, 'my-svc/10.0.0.5:8080', '{"Op":0,"Addr":"10.0.0.5:8080","Metadata":null}'],
    [grpcNaming(), { service: 'foo/bar/my-service', id: 'e1', address: '1.2.3.4:80', metadata: { z: 1e21, '10': '<', '9': [true, null, 1e-7] } }, 'foo/bar/my-service/e1', '{"Op":0,"Addr":"1.2.3.4:80","Metadata":{"10":"\\u003c","9":[true,null,1e-7],"z":1e+21}}'],
    [grpcNaming({ fields: true }), { service: 's', address: 'a:1', weight: 200, zone: 'b', metadata: { c: 1 } }, 's/a:1', '{"Op":0,"Addr":"a:1","Metadata":{"c":1,"weight":200,"zone":"b"}}'],
    [
      kratos(),
      { service: 'helloworld', id: 'dae5d801', address: '10.0.0.5:8000', version: 'v1.0.0', endpoints: { http: 'http://10.0.0.5:8000?isSecure=false', grpc: 'grpc://10.0.0.5:9000?isSecure=false' } },
      '/microservices/helloworld/dae5d801',
      '{"id":"dae5d801","name":"helloworld","version":"v1.0.0","metadata":{},"endpoints":["http://10.0.0.5:8000?isSecure=false","grpc://10.0.0.5:9000?isSecure=false"]}',
    ],
    [
      kratos({ prefix: '/ns', scheme: 'grpc' }),
      { service: 'user', id: 'a', address: 'a:1', weight: 2.5, endpoints: { http: 'b:2', x: 'no URL' }, metadata: { note: '<b> & \u2028\u2029 \u007f\t\n\b\f\r\u0001"\\/é😀', '\uffee': '2', '😀': '3', z: '1', Z: '0' } },
      '/ns/user/a',
      '{"id":"a","name":"user","version":"","metadata":{"Z":"0","note":"\\u003cb\\u003e \\u0026 \\u2028\\u2029 \u007f\\t\\n\\b\\f\\r\\u0001\\"\\\\/é😀","weight":"250","z":"1","\uffee":"2","😀":"3"},"endpoints":["grpc://a:1","http://b:2"]}',
    ],
    [goZero(), { service: 'user.rpc', id: 'node1', address: '10.0.0.5:8080' }, 'user.rpc/7587870460981677828', '10.0.0.5:8080'],
    [goKit(), { service: 'foosvc', address: '1.2.3.4:8080' }, '/services/foosvc/1.2.3.4:8080', 'http://1.2.3.4:8080'],
    [goKit({ prefix: '', scheme: '' }), { service: 'foo', id: '1', address: 'a:1' }, '/foo/1', 'a:1'],
    [goKit(), { service: 'foo', address: 'a:1', endpoints: { http: 'http://a:1/base' } }, '/services/foo/a:1', 'http://a:1/base'],
    [
      goMicro(),
      { service: 'greeter', id: 'greeter-126496e9', address: '10.0.0.5:38501', version: 'latest', metadata: { transport: 'http', protocol: 'mucp', registry: 'etcd', server: 'mucp' } },
      '/micro/registry/greeter/greeter-126496e9',
      '{"name":"greeter","version":"latest","metadata":null,"endpoints":null,"nodes":[{"metadata":{"protocol":"mucp","registry":"etcd","server":"mucp","transport":"http"},"id":"greeter-126496e9","address":"10.0.0.5:38501"}]}',
    ],
    [kitex(), { service: 'echo', address: '10.0.0.5:8888', metadata: { zone: 'a' } }, 'kitex/registry-etcd/echo/10.0.0.5:8888', '{"network":"tcp","address":"10.0.0.5:8888","weight":10,"tags":{"zone":"a"}}'],
    [kitex({ prefix: 'hertz/registry-etcd' }), { service: 'example.shop.item', address: 'a:1', weight: 0.01 }, 'hertz/registry-etcd/example.shop.item/a:1', '{"network":"tcp","address":"a:1","weight":1,"tags":null}'],
    [
      dubbo(),
      { service: 'app-provider', address: '10.0.0.5:20000', metadata: { 'dubbo.endpoints': '[{"port":20000,"protocol":"dubbo"}]' } },
      '/services/app-provider/10.0.0.5:20000',
      '{"ID":"10.0.0.5:20000","ServiceName":"app-provider","Host":"10.0.0.5","Port":20000,"Weight":0,"Enable":true,"Healthy":true,"Metadata":{"dubbo.endpoints":"[{\\"port\\":20000,\\"protocol\\":\\"dubbo\\"}]"},"ServiceMetadata":null,"Address":"","GroupName":"","Tag":""}\n',
    ],
    [dubbo(), { service: 'test', id: 'testID', address: '[::1]:2233', weight: 2 }, '/services/test/::1:2233', dubboGo('"ID":"testID","ServiceName":"test","Host":"::1","Port":2233,"Weight":200')],
    [
      dubbo({ json: 'java' }),
      { service: 'EtcdTestService', address: '127.0.0.1:8080', metadata: { a: "b='c'" } },
      '/services/EtcdTestService/127.0.0.1:8080',
      '{"id":"127.0.0.1:8080","serviceName":"EtcdTestService","host":"127.0.0.1","port":8080,"enabled":true,"healthy":true,"metadata":{"a":"b\\u003d\\u0027c\\u0027"}}',
    ],
    [skyDns(), { service: 'skydns.local', id: 'x5', address: '10.0.0.5:8080', weight: 3, metadata: { ttl: 30, priority: 10 } }, '/skydns/local/skydns/x5', '{"host":"10.0.0.5","port":8080,"priority":10,"weight":300,"ttl":30}'],
    [skyDns(), { service: 'web', id: 'x', address: '[2003::8:1]:53' }, '/skydns/web/x', '{"host":"2003::8:1","port":53}'],
    [rpcx(), { service: 'Arith', address: '127.0.0.1:8972' }, '/rpcx_test/Arith/tcp@127.0.0.1:8972', ''],
    [
      rpcx({ prefix: '/base', network: 'quic' }),
      { service: 'Arith', address: '[::1]:1', weight: 4, status: 'draining', metadata: { group: 'test', 'a b': "c&d=é!'()*~/+😀" } },
      '/base/Arith/quic@[::1]:1',
      'a+b=c%26d%3D%C3%A9%21%27%28%29%2A~%2F%2B%F0%9F%98%80&group=test&state=inactive&weight=4',
    ],
    [goFrame(), { service: 'hello.svc', address: '10.35.12.81:60700', metadata: { protocol: 'http', insecure: true } }, '/service/default/default/hello.svc/latest/10.35.12.81:60700', '{"insecure":true,"protocol":"http"}'],
  ])('%o', (format, input, key, value) => {
    expect(written(format, input)).toEqual([key, value])
  })

  it('have no entry for an instance that is not up, except in rpcx', () => {
    for (const format of foreignFormats)
      for (const status of ['starting', 'draining', 'down'] as const)
        expect([format.name, status, format.encode(serviceInstance({ service: 'web', address: 'a:1', status }))]).toEqual([format.name, status, format.name === 'rpcx' && status === 'draining' ? 'state=inactive' : null])
  })
})

describe('what others have published', () => {
  const read = (service: string, address: string, more: Partial<ServiceInstanceInput> = {}): ServiceInstance => serviceInstance({ service, address, ...more })
  it.each<[object, string, string, ServiceInstance | RegExp]>([
    [grpcNaming(), 'foo/bar/my-service/1.2.3.4', '{"Addr":"1.2.3.4","Metadata":"..."}', /^Addr must have a port/],
    [grpcNaming({ defaultPort: 80 }), 'foo/bar/my-service/1.2.3.4', '{"Addr":"1.2.3.4","Metadata":"..."}', read('foo/bar/my-service', '1.2.3.4:80', { id: '1.2.3.4', metadata: '...' })],
    [grpcNaming(), 'foo/bar/my-service/e1', '{"Op":0,"Addr":"1.2.3.4:80","Metadata":null}', read('foo/bar/my-service', '1.2.3.4:80', { id: 'e1' })],
    [grpcNaming(), 'grpc-demo-example/:56449', '{"Op":0,"Addr":":56449","Metadata":null}', /^Addr must have a host/],
    [grpcNaming(), 'service/user/127.0.0.1:8090', '{"Op":0,"Addr":"127.0.0.1:8090","Metadata":{"weight":200}}', read('service/user', '127.0.0.1:8090', { metadata: { weight: 200 } })],
    [grpcNaming({ fields: true }), 'service/user/127.0.0.1:8090', '{"Op":0,"Addr":"127.0.0.1:8090","Metadata":{"weight":200}}', read('service/user', '127.0.0.1:8090', { weight: 200, metadata: { weight: 200 } })],
    [kratos(), '/microservices/helloworld/0', '{"id":"0","name":"helloworld","version":"","metadata":null,"endpoints":null}', /^endpoints must hold at least one/],
    [
      kratos(),
      '/microservices/user/a',
      '{"id":"a","name":"user","version":"v1","metadata":{"note":"\\u003cb\\u003e"},"endpoints":["http://[fd00::1]:8000?isSecure=false\\u0026zone=a","grpcs://10.0.0.5:9000?isSecure=true"]}',
      { ...read('user', '[fd00::1]:8000', { id: 'a', version: 'v1', metadata: { note: '<b>' } }), endpoints: { http: 'http://[fd00::1]:8000?isSecure=false&zone=a', grpcs: 'grpcs://10.0.0.5:9000?isSecure=true' } },
    ],
    [goZero(), 'productService/GoRpc.rpc/7587870460981677828', '10.0.0.7:3031', read('productService/GoRpc.rpc', '10.0.0.7:3031')],
    [goZero(), 'thekey/1', 'thevalue', /^the value must have a port/],
    [goKit({ prefix: '' }), '/foo/1', '1:1', { ...read('foo', 'a:1', { id: '1' }), address: '1:1' }],
    [
      goMicro(),
      '/micro/registry/go.micro.server.worker/go.micro.server.worker-f7b923aa',
      '{"name":"go.micro.server.worker","version":"latest","metadata":null,"endpoints":[{"name":"Greeter.Hello","request":{"name":"Request","type":"Request","values":[]},"response":null,"metadata":{"method":"POST","path":"/greeter/hello"}}],"nodes":[{"id":"go.micro.server.worker-f7b923aa","address":"192.168.50.199:9090","metadata":{"protocol":"grpc"}}]}',
      read('go.micro.server.worker', '192.168.50.199:9090', { id: 'go.micro.server.worker-f7b923aa', version: 'latest', metadata: { protocol: 'grpc' } }),
    ],
    [kitex(), 'kitex/registry-etcd/example.shop.item/192.168.196.240:8888', '{"network":"tcp","address":"192.168.196.240:8888","weight":10,"tags":null}', read('example.shop.item', '192.168.196.240:8888')],
    [kitex(), 'kitex/registry-etcd/echo/a:1', ' {"tags":{"zone":"a"},"weight":25,"future":[{}],"address":"a:1"}\n', read('echo', 'a:1', { weight: 2.5, zone: 'a', metadata: { zone: 'a' } })],
    [dubbo(), '/services/test/127.0.0.1:2233', dubboGo('"ID":"testID","ServiceName":"test","Host":"127.0.0.1","Port":2233,"Weight":0'), read('test', '127.0.0.1:2233', { id: 'testID' })],
    [dubbo(), '/services/a/h:1', '{"ID":"h:1","ServiceName":"a","Host":"h","Port":1,"Weight":300,"Enable":false,"Healthy":true,"Metadata":null,"Tag":"gray"}', read('a', 'h:1', { weight: 3, status: 'draining', tags: ['gray'] })],
    [dubbo(), '/services/E/127.0.0.1:8080', '{"id":"127.0.0.1:8080","serviceName":"E","host":"127.0.0.1","port":8080,"enabled":true,"healthy":false,"metadata":{}}', read('E', '127.0.0.1:8080', { status: 'down' })],
    [skyDns(), '/skydns/local/skydns/x5', '{"host":"10.0.0.5","port":8080,"priority":10,"weight":100,"ttl":30}', read('skydns.local', '10.0.0.5:8080', { id: 'x5', metadata: { priority: 10, ttl: 30 } })],
    [skyDns(), '/skydns/local/skydns/dns/apex/x3', '{"host":"2003::8:1","ttl":60}', /^host must have a port/],
    [skyDns({ defaultPort: 53 }), '/skydns/local/skydns/dns/apex/x3', '{"host":"2003::8:1","ttl":60}', read('apex.dns.skydns.local', '[2003::8:1]:53', { id: 'x3', metadata: { ttl: 60 } })],
    [skyDns({ defaultPort: 1 }), '/skydns/com/example/dyn/test', '{"host": "10.20.30.40", "ttl": 3600, "type": "A"}', read('dyn.example.com', '10.20.30.40:1', { id: 'test', metadata: { ttl: 3600 } })],
    [rpcx(), '/rpcx_test/Arith/tcp@127.0.0.1:8972', '', read('Arith', '127.0.0.1:8972', { id: 'tcp@127.0.0.1:8972', endpoints: { tcp: 'tcp://127.0.0.1:8972' } })],
    [
      rpcx(),
      '/rpcx_test/Arith/quic@a:1',
      'weight=4&state=inactive&group=test',
      read('Arith', 'a:1', { id: 'quic@a:1', weight: 4, status: 'draining', endpoints: { quic: 'quic://a:1' }, metadata: { weight: '4', group: 'test' } }),
    ],
    [goFrame(), '/service/default/default/demo/latest/10.35.12.81:55066', '{"protocol":"grpc"}', read('demo', '10.35.12.81:55066', { version: 'latest', metadata: { protocol: 'grpc' } })],
    [goFrame(), '/service/default/default/demo/v2/a:1,b:2', '', read('demo', 'a:1', { version: 'v2', endpoints: { 2: 'b:2' } })],
  ])('%o at %s', (format, key, value, expected) => {
    const service = any(format).serviceOf?.(key) ?? key.replace(/^\/foo/, 'foo').slice(0, key.replace(/^\/foo/, 'foo').lastIndexOf('/'))
    const found = decoded(format, key, value, service)
    if (expected instanceof RegExp) expect(found).toMatch(expected)
    else expect(found).toEqual(expected)
  })

  it('is ignored where something else lives, and never read for another service', () => {
    const record = '{"network":"tcp","address":"127.0.0.1:8888","weight":10,"tags":null}'
    const others: readonly (readonly [object, string, string, string])[] = [
      [grpcNaming(), 'foo_other/x', '{"Op":0,"Addr":"a:1"}', 'foo'],
      [kitex(), 'kitex/registry-etcd/registry-etcd-test-suffix/127.0.0.1:8888', record, 'registry-etcd-test'],
      [kratos(), '/microservices/foo/bar/a', '{"id":"a","name":"foo/bar","endpoints":["http://a:1"]}', 'foo'],
      [goMicro(), '/micro/registry/foo-bar/a', '{"name":"foo/bar","nodes":[{"id":"a","address":"a:1"}]}', 'foo-bar'],
      [goMicro(), '/micro/registry/foo-bar/a', '{"name":"foo-bar","nodes":[{"id":"a","address":"a:1"}]}', 'foo/bar'],
      [rpcx(), '/rpcx_test/foo/AAAA', 'foo/AAAA', 'foo'],
      [rpcx(), '/rpcx_test/foo/AAAA', 'AAAA', 'foo'],
      [dubbo({ prefix: '/dubbo' }), '/dubbo/mapping/com.example.Foo', 'app1,app2', 'mapping'],
      [dubbo({ prefix: '/dubbo' }), '/dubbo/app1/0f1e2d', '{"app":"app1","revision":"0f1e2d","services":{}}', 'app1'],
      [skyDns(), '/skydns/local/skydns/x1', '{"ttl":60,"text":"…"}', 'skydns.local'],
      [skyDns(), '/skydns/arpa/in-addr/10/0/0/5', '{"host":"x"}', '0.0.10.in-addr.arpa'],
      [goFrame({ prefix: '/service' }), '/service/batman/leader', 'node1', 'batman'],
      [goFrame({ prefix: '/service' }), '/service/batman/a/b/c', 'node1', 'batman'],
    ]
    for (const [format, key, value, service] of others) expect([any(format).name, key, decoded(format, key, value, service)]).toEqual([any(format).name, key, 'ignored'])
  })
  it('in a catalog of SkyDNS are names of services, except those for reverse lookups', () => {
    expect(['/skydns/local/skydns/x5', '/skydns/arpa/in-addr/10/0/0/5', '/skydns/x5', '/skydns/a..b/x'].map(key => skyDns().serviceOf?.(key))).toEqual(['skydns.local', undefined, undefined, undefined])
    expect(['/rpcx_test', '/rpcx_test/AAAA', '/rpcx_test/A/tcp@a:1'].map(key => rpcx().serviceOf?.(key))).toEqual([undefined, undefined, 'A'])
    expect(['/service/default/default/a/latest/a:1', '/service/default/default/a/a:1', '/service/batman/members/a', '/service/default/default/a/b/c/d'].map(key => goFrame().serviceOf?.(key))).toEqual(['a', undefined, undefined, undefined])
  })
  it('twenty thousand keys of one address are one instance of go-zero', () => {
    const ids = Array.from({ length: 20_000 }, (_, index) => decoded(goZero(), `s/${7587870460981677828n + BigInt(index)}`, '10.0.0.7:3031', 's')).map(found => (typeof found === 'string' ? found : found.id))
    expect(new Set(ids)).toEqual(new Set(['10.0.0.7:3031']))
  })
})

describe('bad input', () => {
  const at: readonly (readonly [string, string, string])[] = [
    ['grpcNaming', 'web/a', '{"Addr":$}'],
    ['kratos', '/microservices/web/a', '{"id":"a","name":"web","endpoints":[$]}'],
    ['goMicro', '/micro/registry/web/a', '{"name":"web","nodes":[{"id":"a","address":$}]}'],
    ['kitex', 'kitex/registry-etcd/web/a:1', '{"address":$}'],
    ['dubbo', '/services/web/a:1', '{"ServiceName":"web","Host":$,"Port":1}'],
    ['skyDns', '/skydns/web/a', '{"host":$,"port":1}'],
  ]
  const formatOf = (name: string): Format => foreignFormats.find(format => format.name === name) ?? expect.fail(name)
  const reasonsOf = (field: string): readonly string[] => at.map(([name, key, value]) => outcome(formatOf(name), key, value.replace('$', field)))

  it('is rejected with a reason', () => {
    for (const field of ['"a b:1"', '" a:1"', '"http://a"', '{}', '12', '[[]]', '"\\ud800:1"', `"${'x'.repeat(1000)}"`, 'true']) expect([field, reasonsOf(field).filter(reason => !reason.includes(' must '))]).toEqual([field, []])
    for (const format of foreignFormats) {
      const key = format.key(serviceInstance({ service: 'web', address: 'a:1' }), lease)
      for (const value of ['x'.repeat(1_000_000), `{"a":${'['.repeat(100_000)}`, '{"__proto__":{"polluted":1}}', '[]', '"x"', '{', 'http://a'])
        expect([format.name, value.slice(0, 30), outcome(format, key, value)]).toEqual([format.name, value.slice(0, 30), format.name === 'rpcx' && value.length < 1000 ? 'read' : expect.stringMatching(/^[^\p{Cc}]{4,200}$/u)])
    }
    expect(outcome(any(rpcx()), '/rpcx_test/web/tcp@a:1', '__proto__=1')).toContain('__proto__')
    expect(outcome(any(rpcx()), '/rpcx_test/web/tcp@a b:1', '')).toContain('must be host:port')
    expect(outcome(any(goKit()), '/services/web/a', 'http://a')).toContain('must have a port')
    expect(outcome(any(goKit()), '/services/web/a', 'http://me:hunter2@a:1')).toBe('the value must be a URL without user name and password')
  })
  it('names a URL that has no port, and takes the default port where the format has one', () => {
    expect(decoded(goKit({ defaultPort: 80 }), '/services/web/a', 'http://h/x', 'web')).toMatchObject({ address: 'h:80', endpoints: { http: 'http://h/x' } })
    expect(decoded(kratos({ defaultPort: 80 }), '/microservices/web/a', '{"id":"a","name":"web","endpoints":["http://[::1]"]}', 'web')).toMatchObject({ address: '[::1]:80' })
    expect(decoded(goMicro({ defaultPort: 80 }), '/micro/registry/web/a', '{"name":"web","nodes":[{"id":"a","address":"::1"}]}', 'web')).toMatchObject({ address: '[::1]:80' })
    expect(decoded(goZero({ defaultPort: 80 }), 'web/1', 'h', 'web')).toMatchObject({ id: 'h:80', address: 'h:80' })
  })
  it('never shows a password, wherever it stands', () => {
    const secret = 'hunter2'
    const urls = [`postgres://me:${secret}@10.0.0.5:5432/db`, `http://${secret}@a:1`, `a:1@${secret}`, `${secret}@a:1`]
    for (const format of foreignFormats)
      for (const url of urls)
        for (const value of [url, JSON.stringify({ conn_url: url }), JSON.stringify({ Addr: url, address: url, host: url, Host: url, Port: url, id: url, name: url, endpoints: [url], nodes: [{ id: url, address: url }] })]) {
          const found = decoded(format, format.key(serviceInstance({ service: 'web', address: 'a:1' }), lease), value, 'web')
          if (typeof found === 'string') expect(found).not.toContain(secret)
          else expect([format.name, JSON.stringify({ ...found, metadata: {} }).includes(secret)]).toEqual([format.name, false])
        }
  })
  it('of numbers over 2^53 harms nothing', () => {
    expect(decoded(kitex(), 'kitex/registry-etcd/web/a:1', '{"address":"a:1","weight":9007199254740993,"lease":7587870460981677828}', 'web')).toMatchObject({ address: 'a:1', weight: 2 ** 53 / 10 })
    expect(decoded(grpcNaming(), 'web/a', '{"Addr":"a:1","Metadata":{"lease":7587870460981677828}}', 'web')).toMatchObject({ address: 'a:1' })
    expect(decoded(rpcx(), '/rpcx_test/web/tcp@a:1', 'weight=99999999999999999999', 'web')).toMatchObject({ weight: 1 })
  })
})

describe('what cannot be written', () => {
  const refusal = (run: () => unknown): string => {
    try {
      return String(run())
    } catch (error) {
      return error instanceof InvalidArgument ? error.message : `no InvalidArgument: ${String(error)}`
    }
  }
  const web = (more: object): ServiceInstance => serviceInstance({ service: 'web', address: 'a:1', ...more })

  it('throws InvalidArgument that names the field', () => {
    for (const format of [kratos(), goMicro(), kitex(), dubbo(), rpcx()]) {
      expect(refusal(() => any(format).encode(web({ metadata: { rack: 1 } })))).toBe('metadata.rack must be a string, got 1')
      expect(refusal(() => any(format).encode(web({ metadata: 'x' })))).toMatch(/^metadata must be an object of strings, got "x"/)
    }
    expect(refusal(() => any(goFrame()).encode(web({ metadata: [1] })))).toMatch(/^metadata must be an object/)
    expect(refusal(() => any(grpcNaming()).encode(web({ metadata: { at: new Date(0) } })))).toMatch(/^metadata.at must be plain JSON/)
    expect(refusal(() => any(skyDns()).encode(web({ metadata: { rack: 'r1' } })))).toMatch(/^metadata.rack is not an option of a SkyDNS record/)
    expect(refusal(() => any(kitex()).key(web({ service: 'foo/bar' }), lease))).toBe('service must be one segment in this format')
    expect(refusal(() => any(goFrame()).key(web({ version: 'a/b' }), lease))).toMatch(/^version must be one segment/)
    expect(refusal(() => any(skyDns()).prefix('foo/bar'))).toMatch(/^service must be a domain name/)
    expect(refusal(() => any(kratos()).encode(web({ metadata: { text: 'x'.repeat(600_000) } })))).toMatch(/^instance must be at most/)
  })
  it('is refused as an option', () => {
    expect(refusal(() => kratos({ prefix: '/a/' }))).toBe('prefix must not end in "/", got "/a/" (such as /my-fleet)')
    expect(refusal(() => goKit({ scheme: 'HTTP' }))).toMatch(/^scheme must be a scheme in lower case/)
    expect(refusal(() => skyDns({ defaultPort: 0 }))).toBe('defaultPort must be a port from 1 to 65535, got 0')
    expect(refusal(() => kitex({ defaultPort: 1 } as object))).toMatch(/^defaultPort is not an option of kitex/)
    expect(refusal(() => dubbo({ json: 'rust' as 'go' }))).toBe('json must be "go" or "java", got "rust"')
  })
})
