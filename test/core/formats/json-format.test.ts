import { either as E, option as O } from 'fp-ts'
import * as t from 'io-ts'
import { describe, expect, expectTypeOf, it } from 'vitest'
import { InvalidArgument } from '../../../src/core/errors.js'
import type { Format } from '../../../src/core/formats/format.js'
import { jsonFormat } from '../../../src/core/formats/json-format.js'
import { serviceInstance } from '../../../src/core/instance/instance.js'
import { kitex, lease, micro, outcome, read, web } from './example-formats.js'

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
  it('rejects a value that the codec, the mapping or the key refuses', () => {
    const at = '/micro/registry/greeter/g1'
    const value = (more: object): string => JSON.stringify({ name: 'greeter', version: '', nodes: [{ id: 'g1', address: 'a:1' }], ...more })
    expect(outcome(micro as Format, at, value({}), 'greeter')).toBe('read')
    expect(outcome(micro as Format, at, value({ nodes: [] }), 'greeter')).toMatch(/^address must /)
    expect(outcome(micro as Format, at, value({ nodes: [{ id: 'g1' }] }), 'greeter')).toBe('nodes.0.address must be string')
    expect(outcome(micro as Format, at, value({ name: 'other' }), 'greeter')).toMatch(/^service must /)
    expect(outcome(micro as Format, at, value({ nodes: [{ id: 'g2', address: 'a:1' }] }), 'greeter')).toMatch(/^id must /)
    expect(outcome(kitex as Format, 'kitex/registry-etcd/echo/a:1', '{"network":"tcp","address":"b:1","weight":1,"tags":null}', 'echo')).toMatch(/^id must /)
  })
  it('stays total though the mapping throws', () => {
    const throwing = (thrown: unknown): Format =>
      jsonFormat({ name: 'x', root: '', codec: t.unknown, write: () => null, read: () => { throw thrown } })
    expect(outcome(throwing(new Error('no\u0007\nURL')), 'web/a', '1')).toBe('the value cannot be read: no  URL')
    expect(outcome(throwing(Symbol('s')), 'web/a', '1')).toMatch(/^the value cannot be read/)
    expect(outcome(throwing(new Error('x'.repeat(1e6))), 'web/a', '1')).toHaveLength(200)
    const segment = (): string => { throw new Error('no segment') }
    expect(outcome({ ...jsonFormat({ name: 'x', root: '', codec: t.unknown, write: () => null, read: () => ({ address: 'a:1' }), segment }) }, 'web/a', '1')).toBe('id must be that of the key')
  })
  it('refuses a bad root, and takes the rest', () => {
    const at = (root: string): Format => jsonFormat({ name: 'x', root, codec: t.unknown, read: () => ({ address: 'a:1' }), write: () => 0 })
    for (const root of ['a', '/a', '//', '/a//', '/../', 'a\0/']) expect(() => at(root)).toThrow(InvalidArgument)
    expect(['', '/', 'a/', '/a/b/'].map(root => [at(root).key(web(), lease), at(root).root])).toEqual(
      [['web/node1', undefined], ['/web/node1', undefined], ['a/web/node1', 'a/'], ['/a/b/web/node1', '/a/b/']])
  })
  it('reads nested services, whose last segment may be any field', () => {
    const value = '{"network":"tcp","address":"10.0.0.5:8888","weight":1,"tags":null}'
    expect(kitex.decode('kitex/registry-etcd/foo/bar/10.0.0.5:8888', value, 'foo/bar')).toEqual(read(serviceInstance({ service: 'foo/bar', address: '10.0.0.5:8888' })))
    expect(outcome(kitex as Format, 'kitex/registry-etcd/foo/bar/10.0.0.5:8888', value, 'foo')).toBe('ignored')
  })
  it('ignores a value that claims a service under whose prefix the key lies, too, and rejects any other claim', () => {
    const claim = (name: string): string => outcome(micro as Format, '/micro/registry/foo/bar/g1', JSON.stringify({ name, version: '', nodes: [{ id: 'g1', address: 'a:1' }] }), 'foo/bar')
    expect(['foo/bar', 'foo', 'foob', 'bar'].map(claim)).toEqual(['read', 'ignored', 'service must be that of the key', 'service must be that of the key'])
  })
  it('refuses options that are wrong', () => {
    const right = { name: 'x', root: '', codec: t.unknown, read: () => ({ address: 'a:1' }), write: () => 0 }
    expect(() => jsonFormat({ ...right, segments: () => '' } as never)).toThrow('segments is not an option of jsonFormat (did you mean segment?)')
    expect(() => jsonFormat({ ...right, read: undefined } as never)).toThrow('read must be a function, got undefined')
    expect(() => jsonFormat(undefined as never)).toThrow('options must be an object of options, got undefined')
  })
})
