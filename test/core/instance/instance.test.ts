import fc from 'fast-check'
import { either as E } from 'fp-ts'
import { describe, expect, it } from 'vitest'
import { address } from '../../../src/core/instance/address.js'
import type { Validator } from '../../../src/core/validation.js'
import { InvalidArgument } from '../../../src/core/errors.js'
import { readInstance, sameInstance, serviceInstance, validInstance } from '../../../src/core/instance/instance.js'
import type { ServiceInstanceInput } from '../../../src/core/instance/instance.js'
import { maxDepth } from '../../../src/core/instance/json.js'
import { foreignId, instanceId, serviceName } from '../../../src/core/instance/names.js'
import { addresses, garbage, instances, malformed, names, serviceNames } from '../../arbitraries.js'

const refusal = (input: unknown): string | undefined => {
  const made = validInstance(input as ServiceInstanceInput)
  return E.isLeft(made) ? made.left.argument.split('.')[0] : undefined
}
const nested = (depth: number, core: unknown): unknown => Array.from({ length: depth }).reduce<unknown>(inner => ({ inner }), core)

const passes = (check: Validator, value: unknown): boolean => check(value) === undefined

describe('a name', () => {
  const segments = ['web', 'user.rpc', '...', '.a', 'node1:8080', '服务', 'x'.repeat(512), 'é'.repeat(256), '😀'.repeat(128)]
  const nested = ['foo/bar', 'foo/bar/my-service', '.../a', 'a/.b', 'é'.repeat(127) + '/' + 'é'.repeat(128)]
  const malformedNames = [
    '', '.', '..', 'x'.repeat(513), 'é'.repeat(257), '😀'.repeat(129), 'a\0', 'a\n', 'a\u007f', 'a\u0085', '\ud800', 'a\udc00b', 7, null, undefined, {}, Symbol('x'),
  ]
  const malformedPaths = ['/', '/a', 'a/', 'a//b', './a', 'a/.', 'a/../b', 'a/\0', `${'x'.repeat(256)}/${'x'.repeat(256)}`]

  it.each(segments)('of one segment, %j, is that of a service and an id', name => {
    expect([serviceName, instanceId, foreignId].map(check => passes(check, name))).toEqual([true, true, true])
  })
  it.each(nested)('of several segments, %j, is that of a service and an id only of other programs', name => {
    expect([serviceName, instanceId, foreignId].map(check => passes(check, name))).toEqual([true, false, true])
  })
  it.each(malformedNames)('is not %j', name => {
    for (const check of [serviceName, instanceId, foreignId]) expect(check(name)?.must).toMatch(/^must /)
  })
  it.each(malformedPaths)('is not %j', name => {
    for (const check of [serviceName, instanceId]) expect(check(name)?.must).toMatch(/^must /)
  })
  it('may be an id with any "/" if another program wrote it, but not longer', () => {
    expect(['/a', 'a/', 'a//b', 'a/../b', `${'x'.repeat(256)}/${'x'.repeat(256)}`].map(id => passes(foreignId, id))).toEqual([true, true, true, true, false])
  })
  it('is any that the arbitraries make, and survives UTF-8', () => {
    fc.assert(fc.property(names, serviceNames, (id, service) => {
      expect([passes(instanceId, id), passes(serviceName, service)]).toEqual([true, true])
      for (const name of [id, service]) expect(new TextDecoder('utf-8', { ignoreBOM: true }).decode(new TextEncoder().encode(name))).toBe(name)
    }))
  })
})

describe('an address', () => {
  it.each([
    'localhost:8000', '10.0.0.5:1', 'a:65535', 'node_1.lan:80', 'example.com.:443', '[::1]:80', '[2001:db8::8a2e:370:7334]:80',
    '[1:2:3:4:5:6:7:8]:9', '[1:2:3:4:5:6:7::]:9', '[::ffff:10.0.0.5]:80', '[fe80::1%eth0]:80', 'xn--bcher-kva.example:80', '1a:80', '0.0.0.1:80', '00.example:80', '0x0.lan:80', '[::ffff:0:1]:80', '[0:ffff::]:80', '[::ffff:0:0:0]:80',
  ])('is %s', right => {
    expect(address(right)).toBeUndefined()
  })
  it.each([
    'localhost', '', ':80', 'a:', 'a:0', 'a:65536', 'a:080', 'a:-1', 'a:1.5', 'a:+1', 'a:80 ', ' a:80', 'a b:80', 'a:80:90', '::1', '::1:80', '2001:db8::1', '[::1]', '[::1]:', '[]:80',
    '[a]:80', '[1:2:3:4:5:6:7:8:9]:80', '[1:2:3:4:5:6:7]:80', '[1::2::3]:80', '[:::]:80', '[1:2:3:4:5:6:7:8::]:80', '[::256.0.0.1]:80', '[12345::]:80', '[::1%]:80', '[10.0.0.5]:80',
    '256.0.0.1:80', '1.2.3:80', '01.2.3.4:80', '1:80', '-a:80', 'a-:80', 'a..b:80', '.:80', 'http://a:80', 'a/b:80', 'a\n:80', `${'a'.repeat(64)}:80`, `${'a.'.repeat(127)}aa:80`, 80, null, undefined,
  ])('is not %j', wrong => {
    expect(address(wrong)?.must).toMatch(/^must /)
  })
  it.each([
    ['localhost', 'address must be host:port, got "localhost" (add a port, e.g. "localhost:8000")'],
    ['', 'address must be host:port, got "" (e.g. "localhost:8000")'],
    ['::1', 'address must be [host]:port, an IPv6 address in brackets, got "::1" (write [::1]:8000)'],
    ['a:70000', 'address must end in a port from 1 to 65535, got "a:70000"'],
    ['http://a', 'address must be host:port, got "http://a" (leave out the scheme and the path, or put a URL into endpoints)'],
    ['http://me:secret@a', 'address must be host:port, got "…@a" (leave out the scheme and the path, or put a URL into endpoints)'],
    [undefined, 'address must be a string, host:port, got undefined'],
    [new URL('http://a:80'), 'address must be a string, host:port, got a URL'],
  ])('is not %j, and the message shows it, says what would be right, and how to get there', (wrong, message) => {
    expect(validInstance({ service: 'web', address: wrong as string })).toMatchObject({ left: { argument: 'address', message } })
  })
  it.each([
    '0.0.0.0:80', '0:80', '00:80', '0.0:80', '0.0.0.0.:80', '0x0:80', '0X00.0.00.0x0:80', '000.000.000.000:80', '[::]:80', '[0::]:80', '[::0]:80', '[0:0:0:0:0:0:0:0]:80', '[0000::0000]:80', '[::%eth0]:80',
    '[::0.0.0.0]:80', '[::ffff:0.0.0.0]:80', '[::FFFF:0:0]:80', '[0:0:0:0:0:ffff::]:80', '[0:0:0:0:0:ffff:0.0.0.0]:80', '0.0.0.0', '::', '[::]', '0:0:0:0:0:0:0:0',
    'http://0.0.0.0:80', 'http://0.0.0.0', 'grpc://[::]:80/path', 'https://user:secret@0.0.0.0:80',
  ])('is not %j, which stands for all interfaces', everywhere => {
    const made = validInstance({ service: 'web', address: everywhere })
    expect(E.isLeft(made) && made.left.message).toMatch(
      /^address must be the address of one machine, not that of all its interfaces, got "(?!.*secret).*" \(advertise\(server\) of rx-discovery\/node finds the address that others reach\)$/,
    )
    expect(readInstance({ service: 'web', address: everywhere })).toMatchObject({ left: { path: ['address'] } })
  })
  it('is none in an endpoint that stands for all interfaces, either', () => {
    for (const http of ['http://0.0.0.0:80', '0.0.0.0:80', 'http://[::]/path', '[::]:80', '//0.0.0.0:80', '//[::]', 'tcp:0.0.0.0:80', 'tcp:0:80', 'dns:[::]:80', 'tcp:0.0.0.0'])
      expect(validInstance({ service: 'web', address: 'a:80', endpoints: { http } })).toMatchObject({ left: { argument: 'endpoints.http' } })
    for (const http of ['0', '::1', ':80', 'http://a/0.0.0.0:80', 'unix:///0', 'http://0.example:80', '', 'tcp:10.0.0.0:80', 'localhost:0', 'unix:/run/0.0.0.0:80', 'ffff:0:0:0:0:0:0:0', '//0.example:80'])
      expect(validInstance({ service: 'web', address: 'a:80', endpoints: { http } })).toMatchObject({ right: { endpoints: { http } } })
  })
  it('is any that the arbitrary makes', () => {
    fc.assert(fc.property(addresses, made => {
      expect(address(made)).toBeUndefined()
    }))
  })
})

describe('validInstance', () => {
  it('gives absent fields their defaults', () => {
    expect(serviceInstance({ service: 'web', address: 'localhost:8000' })).toEqual({
      service: 'web', id: 'localhost:8000', address: 'localhost:8000', endpoints: {}, status: 'up', weight: 1, zone: '', version: '', tags: [], incarnation: '', metadata: {},
    })
  })
  it('names the field that is wrong', () => {
    const sound = { service: 'web', address: 'localhost:80' }
    const wrong: readonly (readonly [string, unknown])[] = [
      ['service', ''], ['service', undefined], ['id', 'a/b'], ['id', null], ['address', 'localhost'], ['address', undefined],
      ['status', 'UP'], ['status', null], ['weight', NaN], ['weight', Infinity], ['weight', -1], ['weight', '1'], ['zone', 1], ['zone', 'a\n'], ['version', null], ['incarnation', 7], ['incarnation', '\n'],
      ['tags', 'a'], ['tags', [1]], ['tags', new Array(1)], ['tags', ['\0']], ['endpoints', []], ['endpoints', null], ['endpoints', { http: 1 }], ['endpoints', { 'a\0': '' }],
      ['endpoints', JSON.parse('{"__proto__":"x"}')],
    ]
    for (const [field, value] of wrong) expect([field, value, refusal({ ...sound, [field]: value })]).toEqual([field, value, field])
    expect([undefined, null, 7, 'web', []].map(refusal)).toEqual(Array.from({ length: 5 }, () => 'instance'))
    expect(() => serviceInstance({ ...sound, weight: NaN })).toThrow(InvalidArgument)
    expect(() => serviceInstance({ ...sound, weight: NaN })).toThrow('weight must be a finite number, 0 or more, got NaN')
    expect(() => serviceInstance({ ...sound, endpoints: { http: 1 as never } })).toThrow('endpoints.http must be a string without control characters, got 1')
    expect(() => serviceInstance({ ...sound, status: 'UP' as never })).toThrow('status must be "starting", "up", "draining" or "down", got "UP"')
    expect(() => serviceInstance(null as never)).toThrow('instance must be an object with service and address, got null')
  })
  it('is total', () => {
    fc.assert(fc.property(fc.oneof(garbage, malformed), input => {
      expect(['Left', 'Right']).toContain(validInstance(input as ServiceInstanceInput)._tag)
    }))
  })
  it('passes its own result, and refuses nothing valid', () => {
    fc.assert(fc.property(instances, instance => {
      expect(validInstance(instance)).toEqual(E.right(instance))
    }))
  })
  it('is frozen, and not what was passed in', () => {
    const tags = ['a']
    const endpoints = { http: 'http://a' }
    const metadata = { rack: 1 }
    const made = serviceInstance({ service: 'web', address: 'a:1', tags, endpoints, metadata })
    tags.push('b')
    endpoints.http = 'changed'
    expect([made, made.tags, made.endpoints].every(Object.isFrozen)).toBe(true)
    expect([made.tags, made.endpoints]).toEqual([['a'], { http: 'http://a' }])
    expect(made.metadata).toBe(metadata)
  })
  it('reads ids of other programs, which may hold "/", and writes none', () => {
    const input = { service: 'foo', id: 'bar/1.2.3.4:80', address: '1.2.3.4:80' }
    expect(readInstance(input)).toMatchObject({ _tag: 'Right', right: input })
    expect(validInstance(input)).toMatchObject({ left: { message: 'id must not hold "/", got "bar/1.2.3.4:80" (only a service name has segments)' } })
  })
  it('keeps null metadata, and has no -0', () => {
    const made = serviceInstance({ service: 'web', address: 'a:1', metadata: null, weight: -0 })
    expect([made.metadata, Object.is(made.weight, 0)]).toEqual([null, true])
  })
})

describe('sameInstance', () => {
  const made = (metadata: unknown): ReturnType<typeof serviceInstance> => serviceInstance({ service: 'web', address: 'a:1', metadata })
  const same = (a: unknown, b: unknown): boolean => sameInstance(made(a), made(b))

  it('agrees with a comparison of sorted JSON', () => {
    const sorted = (_key: string, value: unknown): unknown =>
      // an object is marked, or an empty one would read like an empty array
      typeof value === 'object' && value !== null && !Array.isArray(value) ? ['{}', ...Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))] : value
    const text = (value: unknown): string => JSON.stringify(value, sorted)
    const pairs = fc.tuple(instances, instances).chain(([a, b]) => fc.record(
      Object.fromEntries(Object.keys(a).map(key => [key, fc.constantFrom(a[key as keyof typeof a], b[key as keyof typeof b], structuredClone(a[key as keyof typeof a]))])),
    ).map(mixed => [a, serviceInstance(mixed as unknown as ServiceInstanceInput)] as const))
    fc.assert(fc.property(pairs, ([a, b]) => {
      expect(sameInstance(a, b)).toBe(text(a) === text(b))
      expect(sameInstance(b, a)).toBe(sameInstance(a, b))
    }))
  })
  it.each(['service', 'id', 'address', 'status', 'weight', 'zone', 'version', 'incarnation', 'tags', 'endpoints', 'metadata'])('sees another %s', field => {
    const a = { service: 'web', address: 'a:1', id: 'a' }
    const other = { service: 'b', id: 'b', address: 'b:1', status: 'down', weight: 2, zone: 'z', version: 'v', incarnation: 'i', tags: ['t'], endpoints: { e: '' }, metadata: null }
    expect(sameInstance(serviceInstance(a), serviceInstance({ ...a, [field]: other[field as keyof typeof other] }))).toBe(false)
  })
  it('compares own keys in any order, NaN and dates too', () => {
    expect(same({ a: 1, b: [{ c: NaN }] }, { b: [{ c: NaN }], a: 1 })).toBe(true)
    expect(same({ a: undefined }, { b: undefined })).toBe(false)
    expect(same({ toString: undefined }, { other: undefined })).toBe(false)
    expect(same({}, [])).toBe(false)
    expect(same([], {})).toBe(false)
    expect(same([1], [1, 2])).toBe(false)
    expect(same(JSON.parse('{"__proto__":{}}'), { a: {} })).toBe(false)
    expect(same(new Date(1), new Date(1))).toBe(true)
    expect(same(new Date(1), new Date(2))).toBe(false)
    expect(same(new Map([[1, 1]]), new Map([[1, 2]]))).toBe(false)
    expect(same(new Date(1), {})).toBe(false)
  })
  it('does not overflow the stack', () => {
    expect(same(nested(maxDepth, 1), nested(maxDepth, 1))).toBe(true)
    expect(same(nested(maxDepth, 1), nested(maxDepth, 2))).toBe(false)
    expect(same(nested(100_000, 1), nested(100_000, 1))).toBe(false)
    const loop: Record<string, unknown> = {}
    loop['loop'] = loop
    expect(same(loop, { loop: { loop } })).toBe(true)
    expect(same(loop, structuredClone(loop))).toBe(false)
  })
})
