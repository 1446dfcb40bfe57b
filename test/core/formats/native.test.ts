import fc from 'fast-check'
import * as t from 'io-ts'
import { describe, expect, expectTypeOf, it } from 'vitest'
import { InvalidArgument } from '../../../src/core/errors.js'
import type { Format } from '../../../src/core/formats/format.js'
import { native } from '../../../src/core/formats/native.js'
import { serviceInstance } from '../../../src/core/instance/instance.js'
import { maxLength } from '../../../src/core/instance/json.js'
import { instances } from '../../arbitraries.js'
import { lease, outcome, read, web } from './example-formats.js'

const key = '/rx-discovery/web/node1'
const refused = (value: string): string => outcome(native(), key, value)

describe('native', () => {
  it('writes JSON without defaults', () => {
    expect(native().key(web(), lease)).toBe(key)
    expect(native().encode(web())).toBe('{"v":1,"address":"localhost:8000"}')
    expect(native().encode(web({ status: 'draining', weight: 2, zone: 'a', version: '1', tags: ['t'], incarnation: 'i', endpoints: { http: 'u' }, metadata: { rack: 1 } }))).toBe(
      '{"v":1,"address":"localhost:8000","endpoints":{"http":"u"},"status":"draining","weight":2,"zone":"a","version":"1","tags":["t"],"incarnation":"i","metadata":{"rack":1}}',
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
  it('names the field that is wrong', () => {
    expect(refused('{"v":2,"address":"a:1"}')).toBe('v must be 1, the version this reader knows')
    expect(refused('{"v":"1","address":"a:1"}')).toMatch(/^v must /)
    expect(refused('{"address":"a:1","service":"db"}')).toMatch(/^service must /)
    expect(refused('{"address":"a:1","id":"node2"}')).toMatch(/^id must /)
    expect(refused('{"address":"a"}')).toBe('address must be host:port')
    expect(refused('{}')).toMatch(/^address must /)
    expect(refused('{"address":"a:1","weight":-1}')).toMatch(/^weight must /)
    expect(refused('{"address":"a:1","weight":1e999}')).toBe('weight must be a finite number')
    expect(refused('{"address":"a:1","tags":[1]}')).toMatch(/^tags must /)
    expect(refused('{"address":"a:1","status":null}')).toMatch(/^status must /)
    expect(refused('[]')).toBe('the value must be an object')
    expect(refused('localhost:8000')).toBe('the value must be JSON')
  })
  it('checks and converts metadata by its codec', () => {
    const since = new t.Type<Date, string>('Date', u => u instanceof Date, (u, c) => (typeof u === 'string' ? t.success(new Date(u)) : t.failure(u, c)), date => date.toISOString())
    const format = native({ metadata: t.intersection([t.type({ rack: t.number }), t.partial({ since })]) })
    const instance = serviceInstance({ service: 'web', id: 'node1', address: 'a:1', metadata: { rack: 1, since: new Date(0) } })
    expectTypeOf(format).toEqualTypeOf<Format<{ rack: number } & { since?: Date }>>()
    expect(format.encode(instance)).toBe('{"v":1,"address":"a:1","metadata":{"rack":1,"since":"1970-01-01T00:00:00.000Z"}}')
    expect(format.decode(key, format.encode(instance) ?? '', 'web')).toEqual(read(instance))
    expect(outcome(format as Format, key, '{"address":"a:1"}')).toBe('metadata.rack must be number')
    expect(outcome(format as Format, key, '{"address":"a:1","metadata":{"rack":1,"since":0}}')).toBe('metadata.since must be Date')
    expect(() => format.encode(web() as typeof instance)).toThrow(InvalidArgument)
  })
  it('names the field of metadata that it refuses to write', () => {
    const format = native({ metadata: t.type({ rack: t.type({ row: t.number }) }) })
    const write = (metadata: unknown) => () => format.encode(web({ metadata }) as never)
    expect(write({ rack: { row: '1' } })).toThrow(new InvalidArgument('metadata.rack.row', 'must be number, got "1"'))
    expect(write(undefined)).toThrow(new InvalidArgument('metadata.rack', 'must be { row: number }, got undefined'))
    expect(write({ rack: { row: 1 } })()).toBe('{"v":1,"address":"localhost:8000","metadata":{"rack":{"row":1}}}')
  })
  it('refuses to write a value that it would reject, and names the field', () => {
    const loop: Record<string, unknown> = {}
    loop['loop'] = loop
    for (const metadata of [NaN, 1n, Symbol('s'), () => 1, new Date(), new Map(), loop, { a: [undefined] }, JSON.parse('{"__proto__":1}') as unknown, 'x'.repeat(maxLength)])
      expect(() => native().encode(web({ metadata }))).toThrow(InvalidArgument)
    const refusal = (metadata: unknown) => () => native().encode(web({ metadata }))
    expect(refusal({ since: new Date(0) })).toThrow(new InvalidArgument('metadata.since', 'must be plain JSON, got a Date (write toISOString())'))
    expect(refusal({ a: [{ b: 1n }] })).toThrow(new InvalidArgument('metadata.a.0.b', 'must be plain JSON, got 1n (write it as a string)'))
    expect(refusal(new Map())).toThrow(new InvalidArgument('metadata', 'must be plain JSON, got a Map (write an object or an array: Object.fromEntries(map), [...set])'))
  })
  it.each(['', '/', 'a', '/a/', '//a', '/a//b', '/./a', '/a\n', '/\ud800', null, 7])('refuses the prefix %j', prefix => {
    expect(() => native({ prefix: prefix as string })).toThrow(InvalidArgument)
  })
  it('has a root', () => {
    expect([native().root, native({ prefix: '/a/b' }).root]).toEqual(['/rx-discovery/', '/a/b/'])
    expect(['/rx-discovery/web/a/b', '/rx-discovery/web/', '/rx-discovery/web', '/rx-discovery/../a', '/rx-discovery//a', '/x/web/a'].map(k => native().serviceOf?.(k))).toEqual(
      ['web/a', 'web', undefined, undefined, undefined, undefined])
    expect(native().serviceOf?.('/rx-discovery/foo/bar/my-service/node1')).toBe('foo/bar/my-service')
  })
  it('writes no key that would be read as one of another service', () => {
    const read = { ...web(), service: 'foo', id: 'bar/1' }
    expect(() => native().key(read, lease)).toThrow(new InvalidArgument('id', 'must not hold "/", got "bar/1" (only a service name has segments)'))
  })
  it('refuses options that it does not have', () => {
    expect(() => native({ prefx: '/a' } as never)).toThrow('prefx is not an option of native (did you mean prefix?)')
    expect(() => native(null as never)).toThrow('options must be an object of options, got null (native takes them by name: { prefix, metadata })')
    expect(() => native({ metadata: {} } as never)).toThrow('metadata must be an io-ts codec, got {} (such as t.type({ rack: t.string }))')
  })
})
