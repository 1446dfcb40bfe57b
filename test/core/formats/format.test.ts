import fc from 'fast-check'
import { either as E, option as O } from 'fp-ts'
import { describe, expect, it } from 'vitest'
import { native } from '../../../src/core/formats/native.js'
import { serviceInstance } from '../../../src/core/instance/instance.js'
import { maxDepth } from '../../../src/core/instance/json.js'
import { addresses, garbage, garbageTexts, instances, jsonValues, names, serviceNames } from '../../arbitraries.js'
import { formats, lease, outcome, read } from './example-formats.js'

const key = '/rx-discovery/web/node1'
const refused = (value: string): string => outcome(native(), key, value)

describe('every format', () => {
  const nested = (depth: number): string => `{"address":"a:1","metadata":${'['.repeat(depth)}${']'.repeat(depth)}}`

  it('decodes any key, any value and any service to a rejection, an instance of the key, or nothing', () => {
    const keys = fc.oneof(garbageTexts, fc.tuple(serviceNames, names, fc.constantFrom(...formats)).map(([service, id, format]) => format.prefix(service) + id))
    const anyService = fc.option(fc.oneof(serviceNames, fc.string({ unit: 'binary' }), fc.constantFrom('', '.', '/', 'a//b', '../web')))
    fc.assert(fc.property(fc.constantFrom(...formats), keys, garbageTexts, anyService, (format, at, value, service) => {
      const decoded = format.decode(at, value, service ?? format.serviceOf?.(at) ?? 'web')
      if (E.isRight(decoded)) expect(O.isNone(decoded.right) || format.key(decoded.right.value, lease) === at).toBe(true)
      else {
        expect(decoded.left.key).toBe(at)
        expect(decoded.left.reason).toMatch(/^[^\p{Cc}\p{Cs}]{1,200}$/u)
      }
    }), { numRuns: 1000 })
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined()
  })
  it('reads back the instance that it writes', () => {
    // metadata that each of the formats can carry
    const labels = fc.dictionary(fc.constantFrom('a', 'zone', '服务'), fc.string({ unit: 'grapheme' }), { noNullPrototype: true })
    fc.assert(fc.property(fc.constantFrom(...formats), instances, labels, (format, some, metadata) => {
      const instance = serviceInstance({ ...some, metadata })
      const value = format.encode(instance)
      const decoded = format.decode(format.key(instance, lease), value ?? '', instance.service)
      if (value === null) return
      expect(decoded).toMatchObject({ right: { value: { service: instance.service, address: instance.address } } })
      // decoded again, its own encoding is the same: nothing that the format carries is lost
      if (E.isRight(decoded) && O.isSome(decoded.right)) expect(format.decode(format.key(decoded.right.value, lease), format.encode(decoded.right.value) ?? '', instance.service)).toEqual(decoded)
    }))
  })

  describe('law 12: names stay home', () => {
    const related = serviceNames.chain(service =>
      fc.tuple(
        fc.constant(service),
        fc.oneof(
          serviceNames,
          names.map(segment => `${service}/${segment}`),
          names.map(letters => `${service}${letters}`),
          names.map(segment => `${segment}/${service}`),
          fc.nat(3).map(depth => service.split('/').slice(0, -1 - depth).join('/') || 'foo'),
          fc.constant(service.replaceAll('/', '')),
        ),
      ),
    )
    const claims = fc.tuple(serviceNames, names, addresses).map(([name, id, address]) =>
      JSON.stringify({ v: 1, service: name, name, id, address, network: 'tcp', weight: 1, tags: null, version: '', nodes: [{ id, address }] }))

    it('a key of one service is never read as one of another, whatever its value claims', () => {
      fc.assert(fc.property(fc.constantFrom(...formats), related, instances, fc.option(fc.oneof(claims, garbageTexts)), fc.boolean(), (format, [service, other], { id, address }, foreign, claimsOther) => {
        const instance = serviceInstance({ service, id, address })
        const at = format.key(instance, lease)
        const claimed = claimsOther ? { ...instance, service: other } : instance
        const value = foreign ?? format.encode(claimed) ?? ''
        expect(at.startsWith(format.prefix(service))).toBe(true)
        if (format.root !== undefined) expect([at.startsWith(format.root), format.serviceOf?.(at)]).toEqual([true, service])
        const asOther = format.decode(at, value, other)
        if (other !== service) expect(E.isRight(asOther) && O.isSome(asOther.right)).toBe(false)
        const own = format.decode(at, value, service)
        if (E.isRight(own) && O.isSome(own.right)) expect([own.right.value.service, format.key(own.right.value, lease)]).toEqual([service, at])
      }), { numRuns: 2000 })
    })
    it('of foo, foo/bar and foobar, each reads its own keys and ignores the others', () => {
      const services = ['foo', 'foo/bar', 'foobar', 'foo/bar/my-service']
      for (const format of formats)
        for (const service of services) {
          const instance = serviceInstance({ service, id: 'a:1', address: 'a:1' })
          const seen = services.map(other => outcome(format, format.key(instance, lease), format.encode(instance) ?? '', other))
          expect([format.name, service, seen]).toEqual([format.name, service, services.map(other => (other === service ? 'read' : 'ignored'))])
        }
    })
    it('deeper keys are ignored, whether or not they belong to a service', () => {
      for (const format of formats)
        for (const below of ['a/b', 'a//b', 'a/../b', '/a', 'a/', 'a/\0'])
          expect([below, outcome(format, format.prefix('web') + below, '{}')]).toEqual([below, 'ignored'])
    })
  })

  it('rejects an address that stands for all interfaces, since it leads each reader to itself', () => {
    for (const format of formats)
      for (const address of ['0.0.0.0:80', '[::]:80', '0:80']) {
        const sound = serviceInstance({ service: 'web', id: 'node1', address: '10.0.0.5:80' })
        const [at, value] = [format.key(sound, lease), format.encode(sound) ?? '']
        expect(outcome(format, at, value)).toBe('read')
        const [elsewhere, everywhere] = [at, value].map(text => text.replace(sound.address, address)) as [string, string]
        expect(outcome(format, elsewhere, everywhere)).toMatch(/must be the address of one machine, not that of all its interfaces$/)
      }
  })
  it('bounds length and depth', () => {
    expect(refused(nested(maxDepth - 1))).toBe('read')
    expect(refused(nested(maxDepth))).toContain('nested deeper')
    expect(refused(nested(200_000))).toContain('nested deeper')
    expect(refused(JSON.stringify({ address: 'a:1', metadata: 'x'.repeat(1_000_000) }))).toContain('longer than')
    for (const format of formats) expect(outcome(format, format.prefix('web') + 'a', 'x'.repeat(1_000_000)).length).toBeLessThanOrEqual(200)
  })
  it('rejects __proto__ wherever it is, and changes no prototype', () => {
    for (const value of ['{"address":"a:1","__proto__":{"polluted":1}}', '{"address":"a:1","metadata":{"a":[{"__proto__":{"polluted":1}}]}}', '{"address":"a:1","endpoints":{"__proto__":"x"}}'])
      expect(refused(value)).toContain('__proto__')
    expect(native().decode('/rx-discovery/__proto__/constructor', '{"address":"a:1","metadata":{"constructor":1}}', '__proto__')).toEqual(
      read(serviceInstance({ service: '__proto__', id: 'constructor', address: 'a:1', metadata: { constructor: 1 } })))
  })
  it('ignores fields that were added to all objects', () => {
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
