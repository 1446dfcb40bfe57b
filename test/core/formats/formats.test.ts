import fc from 'fast-check'
import { either as E, option as O } from 'fp-ts'
import * as t from 'io-ts'
import { describe, expect, expectTypeOf, it } from 'vitest'
import { InvalidArgument } from '../../../src/core/errors.js'
import type { Format } from '../../../src/core/formats/format.js'
import { jsonFormat } from '../../../src/core/formats/json-format.js'
import { native } from '../../../src/core/formats/native.js'
import { plain } from '../../../src/core/formats/plain.js'
import { serviceInstance } from '../../../src/core/instance/instance.js'
import type { ServiceInstance } from '../../../src/core/instance/instance.js'
import { maxDepth, maxLength } from '../../../src/core/instance/json.js'
import { garbage, garbageTexts, instances, jsonValues, names } from '../../arbitraries.js'

const lease = { id: '7587870460981677828', ttl: 10, expiresAt: 0, renewals: 0 }
const nodes = t.array(t.intersection([t.type({ id: t.string, address: t.string }), t.partial({ metadata: t.union([t.record(t.string, t.string), t.null]) })]))

/** A user's own format: that of go-micro. */
const micro = jsonFormat({
  name: 'go-micro',
  root: '/micro/registry/',
  codec: t.type({ name: t.string, version: t.string, nodes }),
  read: ({ name, version, nodes: [node] }) => ({ service: name, id: node?.id, version, address: node?.address, metadata: node?.metadata ?? {} }),
  write: ({ service, id, address, version, status, metadata }) =>
    status === 'up' ? { name: service, version, nodes: [{ id, address, metadata }] } : null,
})

/** Another one, whose key ends in the address: that of Kitex. */
const kitex = jsonFormat({
  name: 'kitex',
  root: 'kitex/registry-etcd/',
  codec: t.type({ network: t.literal('tcp'), address: t.string, weight: t.number, tags: t.union([t.record(t.string, t.string), t.null]) }),
  read: ({ address, weight, tags }) => ({ address, weight: weight > 0 ? weight : 10, zone: tags?.['zone'], metadata: tags ?? {} }),
  write: ({ address, weight, metadata, status }) => (status === 'up' ? { network: 'tcp' as const, address, weight, tags: metadata } : null),
  segment: ({ address }) => address,
})

const formats: readonly Format[] = [native(), native({ prefix: '/a' }), plain() as Format, plain({ prefix: '/a' }) as Format, micro as Format, kitex as Format]
const web = (more: object = {}): ServiceInstance => serviceInstance({ service: 'web', id: 'node1', address: 'localhost:8000', ...more })
const read = <M>(instance: ServiceInstance<M>) => E.right(O.some(instance))
const reason = (format: Format, key: string, value: string, service = 'web'): string => {
  const read = format.decode(key, value, service)
  return E.isLeft(read) ? read.left.reason : 'none'
}
const key = '/rx-discovery/web/node1'
const refused = (value: string): string => reason(native(), key, value)

describe('native', () => {
  it('writes JSON without what is default', () => {
    expect(native().key(web(), lease)).toBe(key)
    expect(native().encode(web())).toBe('{"v":1,"address":"localhost:8000"}')
    expect(native().encode(web({ status: 'draining', weight: 2, zone: 'a', version: '1', tags: ['t'], endpoints: { http: 'u' }, metadata: { rack: 1 } }))).toBe(
      '{"v":1,"address":"localhost:8000","endpoints":{"http":"u"},"status":"draining","weight":2,"zone":"a","version":"1","tags":["t"],"metadata":{"rack":1}}',
    )
  })
  it('reads what it writes', () => {
    fc.assert(fc.property(instances, instance => {
      expect(native().decode(native().key(instance, lease), native().encode(instance) ?? '', instance.service)).toEqual(read(instance))
    }))
  })
  it('tolerates unknown fields, absent ones, null lists, and its own service and id', () => {
    for (const value of ['{"address":"localhost:8000"}', '{"v":1,"address":"localhost:8000","tags":null,"endpoints":null,"more":{"a":[1]}}\n', '{"address":"localhost:8000","service":"web","id":"node1"}'])
      expect(native().decode(key, value, 'web')).toEqual(read(web()))
  })
  it('says which field is wrong', () => {
    expect(refused('{"v":2,"address":"a:1"}')).toBe('v: must be 1, the version this reader knows')
    expect(refused('{"v":"1","address":"a:1"}')).toMatch(/^v: /)
    expect(refused('{"address":"a:1","service":"db"}')).toMatch(/^service: /)
    expect(refused('{"address":"a:1","id":"node2"}')).toMatch(/^id: /)
    expect(refused('{"address":"a"}')).toBe('address: must be host:port')
    expect(refused('{}')).toMatch(/^address: /)
    expect(refused('{"address":"a:1","weight":-1}')).toMatch(/^weight: /)
    expect(refused('{"address":"a:1","weight":1e999}')).toContain('not finite')
    expect(refused('{"address":"a:1","tags":[1]}')).toMatch(/^tags: /)
    expect(refused('{"address":"a:1","status":null}')).toMatch(/^status: /)
    expect(refused('[]')).toBe('must be an object')
    expect(refused('localhost:8000')).toBe('the value is not JSON')
  })
  it('checks and converts metadata by its codec', () => {
    const since = new t.Type<Date, string>('Date', u => u instanceof Date, (u, c) => (typeof u === 'string' ? t.success(new Date(u)) : t.failure(u, c)), date => date.toISOString())
    const format = native({ metadata: t.intersection([t.type({ rack: t.number }), t.partial({ since })]) })
    const instance = serviceInstance({ service: 'web', id: 'node1', address: 'a:1', metadata: { rack: 1, since: new Date(0) } })
    expectTypeOf(format).toEqualTypeOf<Format<{ rack: number } & { since?: Date }>>()
    expect(format.encode(instance)).toBe('{"v":1,"address":"a:1","metadata":{"rack":1,"since":"1970-01-01T00:00:00.000Z"}}')
    expect(format.decode(key, format.encode(instance) ?? '', 'web')).toEqual(read(instance))
    expect(reason(format as Format, key, '{"address":"a:1"}')).toBe('metadata.rack: must be number')
    expect(reason(format as Format, key, '{"address":"a:1","metadata":{"rack":1,"since":0}}')).toBe('metadata.since: must be Date')
    expect(() => format.encode(web() as typeof instance)).toThrow(InvalidArgument)
  })
  it('names the field of metadata that it refuses to write', () => {
    const format = native({ metadata: t.type({ rack: t.type({ row: t.number }) }) })
    const write = (metadata: unknown) => () => format.encode(web({ metadata }) as never)
    expect(write({ rack: { row: '1' } })).toThrow(new InvalidArgument('metadata', 'rack.row: must be number'))
    expect(write(undefined)).toThrow(new InvalidArgument('metadata', 'rack: must be { row: number }'))
    expect(write({ rack: { row: 1 } })()).toBe('{"v":1,"address":"localhost:8000","metadata":{"rack":{"row":1}}}')
  })
  it('does not write what it would reject', () => {
    const loop: Record<string, unknown> = {}
    loop['loop'] = loop
    for (const metadata of [NaN, 1n, Symbol('s'), () => 1, new Date(), new Map(), loop, { a: [undefined] }, JSON.parse('{"__proto__":1}') as unknown, 'x'.repeat(maxLength)])
      expect(() => native().encode(web({ metadata }))).toThrow(InvalidArgument)
  })
  it.each(['', '/', 'a', '/a/', '//a', '/a//b', '/./a', '/a\n', '/\ud800', null, 7])('refuses the prefix %j', prefix => {
    expect(() => native({ prefix: prefix as string })).toThrow(InvalidArgument)
  })
  it('has a root', () => {
    expect([native().root, native({ prefix: '/a/b' }).root]).toEqual(['/rx-discovery/', '/a/b/'])
    expect(['/rx-discovery/web/a/b', '/rx-discovery/web/', '/rx-discovery/web', '/rx-discovery/../a', '/rx-discovery//a', '/x/web/a'].map(k => native().serviceOf?.(k))).toEqual(
      ['web', 'web', undefined, undefined, undefined, undefined])
  })
})

describe('jsonFormat', () => {
  it("carries other stacks' layouts, metadata typed", () => {
    expectTypeOf(micro).toEqualTypeOf<Format<Record<string, string>>>()
    const greeter = '{"name":"greeter","version":"latest","metadata":null,"endpoints":null,"nodes":[{"metadata":{"protocol":"mucp"},"id":"greeter-1","address":"10.0.0.5:38501"}]}'
    const decoded = micro.decode('/micro/registry/greeter/greeter-1', greeter, 'greeter')
    expect(decoded).toEqual(read(serviceInstance({ service: 'greeter', id: 'greeter-1', address: '10.0.0.5:38501', version: 'latest', metadata: { protocol: 'mucp' } })))
    if (E.isRight(decoded) && O.isSome(decoded.right)) {
      const { value: instance } = decoded.right
      expect(micro.decode(micro.key(instance, lease), micro.encode(instance) ?? '', 'greeter')).toEqual(decoded)
      expect(micro.encode({ ...instance, status: 'draining' })).toBeNull()
    }
    expect(kitex.decode('kitex/registry-etcd/echo/10.0.0.5:8888', '{"network":"tcp","address":"10.0.0.5:8888","weight":0,"tags":{"zone":"a"}}', 'echo')).toEqual(
      read(serviceInstance({ service: 'echo', address: '10.0.0.5:8888', weight: 10, zone: 'a', metadata: { zone: 'a' } })))
  })
  it('rejects what the codec, the mapping or the key refuses', () => {
    const at = '/micro/registry/greeter/g1'
    const value = (more: object): string => JSON.stringify({ name: 'greeter', version: '', nodes: [{ id: 'g1', address: 'a:1' }], ...more })
    expect(reason(micro as Format, at, value({}))).toBe('none')
    expect(reason(micro as Format, at, value({ nodes: [] }))).toMatch(/^address: /)
    expect(reason(micro as Format, at, value({ nodes: [{ id: 'g1' }] }))).toBe('nodes.0.address: must be string')
    expect(reason(micro as Format, at, value({ name: 'other' }))).toMatch(/^service: /)
    expect(reason(micro as Format, at, value({ nodes: [{ id: 'g2', address: 'a:1' }] }))).toMatch(/^id: /)
    expect(reason(kitex as Format, 'kitex/registry-etcd/echo/a:1', '{"network":"tcp","address":"b:1","weight":1,"tags":null}')).toMatch(/^id: /)
  })
  it('stays total though the mapping throws', () => {
    const throwing = (thrown: unknown): Format =>
      jsonFormat({ name: 'x', root: '', codec: t.unknown, write: () => null, read: () => { throw thrown } })
    expect(reason(throwing(new Error('no\u0007\nURL')), 'web/a', '1')).toBe('cannot be read: no  URL')
    expect(reason(throwing(Symbol('s')), 'web/a', '1')).toMatch(/^cannot be read/)
    expect(reason(throwing(new Error('x'.repeat(1e6))), 'web/a', '1')).toHaveLength(200)
  })
  it('refuses a bad root, and takes the rest', () => {
    const at = (root: string): Format => jsonFormat({ name: 'x', root, codec: t.unknown, read: () => ({ address: 'a:1' }), write: () => 0 })
    for (const root of ['a', '/a', '//', '/a//', '/../', 'a\0/']) expect(() => at(root)).toThrow(InvalidArgument)
    expect(['', '/', 'a/', '/a/b/'].map(root => [at(root).key(web(), lease), at(root).root])).toEqual(
      [['web/node1', undefined], ['/web/node1', undefined], ['a/web/node1', 'a/'], ['/a/b/web/node1', '/a/b/']])
  })
})

describe('every format', () => {
  const nested = (depth: number): string => `{"address":"a:1","metadata":${'['.repeat(depth)}${']'.repeat(depth)}}`

  it('decodes anything to a rejection or to an instance of the key', () => {
    const places = fc.oneof(garbageTexts, fc.tuple(names, names, fc.constantFrom(...formats)).map(([service, id, format]) => format.prefix(service) + id))
    fc.assert(fc.property(fc.constantFrom(...formats), places, garbageTexts, (format, at, value) => {
      const decoded = format.decode(at, value, format.serviceOf?.(at) ?? 'web')
      if (E.isRight(decoded)) expect(O.isNone(decoded.right) || format.key(decoded.right.value, lease) === at).toBe(true)
      else {
        expect(decoded.left.key).toBe(at)
        expect(decoded.left.reason).toMatch(/^[^\p{Cc}\p{Cs}]{1,200}$/u)
      }
    }), { numRuns: 1000 })
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined()
  })
  it('lets no key of one service be read as one of another', () => {
    fc.assert(fc.property(fc.constantFrom(...formats), instances, names, (format, instance, other) => {
      const at = format.key(instance, lease)
      expect(at.startsWith(format.prefix(instance.service))).toBe(true)
      if (other !== instance.service) expect(at.startsWith(format.prefix(other))).toBe(false)
      if (format.root !== undefined) expect([at.startsWith(format.root), format.serviceOf?.(at)]).toEqual([true, instance.service])
    }))
  })
  it('bounds length and depth', () => {
    expect(refused(nested(maxDepth - 1))).toBe('none')
    expect(refused(nested(maxDepth))).toContain('nested deeper')
    expect(refused(nested(200_000))).toContain('nested deeper')
    expect(refused(JSON.stringify({ address: 'a:1', metadata: 'x'.repeat(1_000_000) }))).toContain('longer than')
    for (const format of formats) expect(reason(format, format.prefix('web') + 'a', 'x'.repeat(1_000_000)).length).toBeLessThanOrEqual(200)
  })
  it('rejects __proto__ wherever it is, and changes no prototype', () => {
    for (const value of ['{"address":"a:1","__proto__":{"polluted":1}}', '{"address":"a:1","metadata":{"a":[{"__proto__":{"polluted":1}}]}}', '{"address":"a:1","endpoints":{"__proto__":"x"}}'])
      expect(refused(value)).toContain('__proto__')
    expect(native().decode('/rx-discovery/__proto__/constructor', '{"address":"a:1","metadata":{"constructor":1}}', '__proto__')).toEqual(
      read(serviceInstance({ service: '__proto__', id: 'constructor', address: 'a:1', metadata: { constructor: 1 } })))
  })
  it('is not led astray by what somebody added to all objects', () => {
    const added = { deep: { a: {} }, wrong: NaN, code: () => undefined }
    Object.assign(Object.prototype, added)
    try {
      expect(native().decode('/rx-discovery/web/a', '{"address":"10.0.0.1:80","metadata":{"b":{"c":1}}}', 'web')).toMatchObject({ _tag: 'Right' })
    } finally {
      for (const key of Object.keys(added)) Reflect.deleteProperty(Object.prototype, key)
    }
  })

  it('never shows the value in a reason', () => {
    fc.assert(fc.property(fc.constantFrom('address', 'status', 'weight', 'zone', 'tags', 'id', 'v', 'endpoints'), fc.oneof(jsonValues, garbage), (field, value) => {
      const secret = 'hunter2'
      expect(refused(JSON.stringify({ address: 'a:1', [field]: [secret, typeof value] }))).not.toContain(secret)
      expect(refused(JSON.stringify({ address: 'a:1', [field]: `${secret}\n` }))).not.toContain(secret)
    }))
  })
})
