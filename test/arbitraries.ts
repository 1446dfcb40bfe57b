import fc from 'fast-check'
import { wildcard } from '../src/core/instance/address.js'
import { serviceInstance } from '../src/core/instance/instance.js'
import type { ServiceInstance, Status } from '../src/core/instance/instance.js'

// Few letters, so that names collide and are prefixes of one another.
const nearby = fc.stringMatching(/^[ab.-]{1,4}$/)
const wild = fc.string({ unit: 'binary', minLength: 1, maxLength: 40 })

/** Valid ids, and service names of one segment. */
export const names: fc.Arbitrary<string> = fc
  .oneof(nearby, wild, fc.constantFrom('user.rpc', '...', '__proto__', 'constructor', '服务', 'web', 'web2', 'é'.repeat(256)))
  .map(text => text.replace(/[\p{Cc}\p{Cs}/]/gu, '_'))
  .filter(text => text !== '.' && text !== '..')

/** Valid service names, of one segment or several; many are equal, and many are prefixes of others. */
export const serviceNames: fc.Arbitrary<string> = fc
  .oneof(
    names,
    fc.array(fc.constantFrom('a', 'b', 'ab', 'a.b', '...'), { minLength: 1, maxLength: 4 }).map(segments => segments.join('/')),
    fc.array(names, { minLength: 2, maxLength: 3 }).map(segments => segments.join('/')),
    fc.constantFrom('foo', 'foo/bar', 'foobar', 'foo/bar/my-service'),
  )
  .filter(name => new TextEncoder().encode(name).length <= 512)

const ports = fc.integer({ min: 1, max: 65_535 })

/** Valid addresses. */
export const addresses: fc.Arbitrary<string> = fc.oneof(
  fc.tuple(fc.ipV4(), ports).map(([host, port]) => `${host}:${port}`),
  fc.tuple(fc.ipV6(), ports).map(([host, port]) => `[${host}]:${port}`),
  fc.tuple(fc.domain(), ports).map(([host, port]) => `${host}:${port}`),
  fc.tuple(fc.constantFrom('localhost', 'node_1', 'a.b.'), ports).map(([host, port]) => `${host}:${port}`),
).filter(address => wildcard(address) === undefined)

/** JSON as it comes out of a parser, without the one key that is refused. */
export const jsonValues: fc.Arbitrary<unknown> = fc.json({ maxDepth: 4 }).map(text => JSON.parse(text.replaceAll('__proto__', 'proto')) as unknown)

/** Strings that an instance may hold. */
const texts: fc.Arbitrary<string> = fc.string({ unit: 'grapheme', maxLength: 20 }).map(text => text.replace(/[\p{Cc}\p{Cs}]/gu, '_'))

/** The four statuses. */
const statuses: fc.Arbitrary<Status> = fc.constantFrom('starting', 'up', 'draining', 'down')

const endpoints = fc.dictionary(texts.filter(name => name !== '__proto__'), texts, { maxKeys: 3, noNullPrototype: true })
const weights = fc.oneof(fc.nat(), fc.double({ min: 0, max: 1e300, noNaN: true })).map(weight => weight + 0)

/** Valid instances, half of their fields at their defaults. */
export const instances: fc.Arbitrary<ServiceInstance> = fc
  .record(
    {
      service: serviceNames, id: names, address: addresses, incarnation: texts, endpoints, status: statuses, weight: weights,
      zone: texts, version: texts, tags: fc.array(texts, { maxLength: 3 }), metadata: jsonValues,
    },
    { requiredKeys: ['service', 'address'] },
  )
  .map(input => serviceInstance(input))

const hostile = fc.constantFrom<unknown>(
  NaN, Infinity, -1, -0, '', '.', '..', 'a/b', '\0', '\ud800', 'x'.repeat(600), null, undefined, [], {}, JSON.parse('{"__proto__":{"polluted":true}}'),
)

/** Values of the wrong kind, as any program may write them. */
export const garbage: fc.Arbitrary<unknown> = fc.oneof(hostile, fc.anything())

const fields = { v: garbage, service: garbage, id: garbage, address: garbage, endpoints: garbage, status: garbage, weight: garbage, zone: garbage, version: garbage, incarnation: garbage, tags: garbage, metadata: garbage }

/** Objects with the fields of an instance, of which any may be wrong. */
export const malformed: fc.Arbitrary<Record<string, unknown>> = fc
  .tuple(fc.record(fields, { requiredKeys: [] }), fc.boolean())
  .map(([some, sound]) => (sound ? { service: 'web', address: 'localhost:80', ...some } : some))

const asText = (value: unknown): string => {
  try {
    return [value].map(item => JSON.stringify(item)).join('')
  } catch {
    return '{"address":'
  }
}

/** Values that any program may have put into the store. */
export const garbageTexts: fc.Arbitrary<string> = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.json(),
  garbage.map(asText),
  malformed.map(asText),
)
