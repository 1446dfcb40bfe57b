import fc from 'fast-check'
import { either as E, option as O } from 'fp-ts'
import { describe, expect, expectTypeOf, it } from 'vitest'
import { InvalidArgument } from '../../../src/core/errors.js'
import type { Format } from '../../../src/core/formats/format.js'
import { plain } from '../../../src/core/formats/plain.js'
import type { NoMetadata } from '../../../src/core/formats/plain.js'
import { serviceInstance } from '../../../src/core/instance/instance.js'
import type { ServiceInstance } from '../../../src/core/instance/instance.js'
import { instances } from '../../arbitraries.js'
import { lease, outcome } from './example-formats.js'

const web = (): ServiceInstance<NoMetadata> => serviceInstance<NoMetadata>({ service: 'web', id: 'node1', address: 'localhost:8000' })

describe('plain', () => {
  it("is the etcd tutorial's layout", () => {
    const instance = web()
    expect([plain().key(instance, lease), plain().encode(instance)]).toEqual(['/web/node1', 'localhost:8000'])
    expect(plain().decode('/web/node1', ' localhost:8000\n', 'web')).toEqual(E.right(O.some(instance)))
    expect(plain({ prefix: '/a' }).decode('/a/web/node1', 'localhost:8000', 'web')).toEqual(E.right(O.some(instance)))
    expectTypeOf(plain()).toEqualTypeOf<Format<NoMetadata>>()
  })
  it('reads the address of what it writes, and writes only what is up', () => {
    fc.assert(fc.property(instances, instance => {
      const format = plain() as Format
      const value = format.encode(instance)
      expect(value === null).toBe(instance.status !== 'up')
      const { service, id, address } = instance
      if (value !== null) expect(format.decode(format.key(instance, lease), value, service)).toEqual(E.right(O.some(serviceInstance({ service, id, address }))))
    }))
  })
  it('rejects anything else', () => {
    for (const value of ['', 'localhost', 'http://a:1', 'a:1 b:2', '{"Addr":"a:1"}']) expect(outcome(plain() as Format, '/web/node1', value)).toMatch(/^address must /)
    for (const wrong of ['web/node1', '/web', '/web/', '//node1', '/./a', '', '/']) expect(outcome(plain() as Format, wrong, 'a:1')).toContain('the ')
    expect(outcome(plain() as Format, '/web/a/b', 'a:1')).toBe('ignored')
  })
  it('has a root only under a prefix', () => {
    expect([plain().root, plain().serviceOf, plain({ prefix: '/a' }).root, plain({ prefix: '/a' }).serviceOf?.('/a/web/x')]).toEqual([undefined, undefined, '/a/', 'web'])
    for (const prefix of ['/', 'a', '/a/', '/a//b', '/..']) expect(() => plain({ prefix })).toThrow(InvalidArgument)
  })
})
