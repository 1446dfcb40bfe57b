import { either as E, option as O } from 'fp-ts'
import fc from 'fast-check'
import { describe, expect, it, vi } from 'vitest'
import { InvalidArgument } from '../../../src/core/errors.js'
import type { Format } from '../../../src/core/formats/format.js'
import { serviceInstance, type ServiceInstance } from '../../../src/core/instance/instance.js'
import { addresses, garbageTexts, jsonValues, names, serviceNames } from '../../arbitraries.js'
import { lease } from './example-formats.js'
import { foreignFormats } from './foreign-formats.js'

const anyFormat = fc.constantFrom(...foreignFormats)
/** Runs for each property here: few in the normal run, 100,000 in the long one. */
const numRuns = Number(process.env['FORMATS_RUNS'] ?? 1_000)
// The long run takes minutes for a property.
vi.setConfig({ testTimeout: 60 * Math.max(numRuns, 1_000) })

const keyOf = (format: Format, instance: ServiceInstance): string | undefined => {
  try {
    return format.key(instance, lease)
  } catch (error) {
    if (error instanceof InvalidArgument) return undefined
    throw error
  }
}

/** The instance that is read at a key; `undefined`: rejected or ignored. */
const readAt = (format: Format, key: string, value: string | null, service: string): ServiceInstance | undefined => {
  const found = value === null ? E.right(O.none) : format.decode(key, value, service)
  return E.isRight(found) && O.isSome(found.right) ? found.right.value : undefined
}

/** What each format carries besides the address; `weight` in its smallest step. */
const carried: Readonly<Record<string, { readonly fields: readonly (keyof ServiceInstance)[]; readonly step?: number; readonly metadata?: 'labels' | 'object' | 'json' }>> = {
  grpcNaming: { fields: ['id'], metadata: 'json' },
  kratos: { fields: ['id', 'version', 'zone', 'weight'], step: 0.01, metadata: 'labels' },
  goZero: { fields: [] },
  goKit: { fields: ['id'] },
  goMicro: { fields: ['id', 'version', 'zone'], metadata: 'labels' },
  kitex: { fields: ['zone', 'weight'], step: 0.1, metadata: 'labels' },
  dubbo: { fields: ['id', 'zone', 'weight', 'tags'], step: 0.01, metadata: 'labels' },
  skyDns: { fields: ['id', 'weight'], step: 0.01 },
  rpcx: { fields: ['zone', 'weight', 'status'], step: 1, metadata: 'labels' },
  goFrame: { fields: ['version', 'zone', 'weight'], step: 1, metadata: 'object' },
}

const texts = fc.string({ unit: 'grapheme', maxLength: 10 }).map(text => text.replace(/[\p{Cc}\p{Cs}]/gu, '_'))
const label = fc.oneof(texts, fc.constantFrom('10', '9', 'constructor', '服务')).filter(name => !['zone', 'weight', 'state', '__proto__'].includes(name))
const metadataOf = (kind: 'labels' | 'object' | 'json' | undefined): fc.Arbitrary<unknown> => {
  switch (kind) {
    case 'labels':
      return fc.dictionary(label, fc.string({ unit: 'grapheme', maxLength: 10 }), { maxKeys: 4, noNullPrototype: true })
    case 'object':
      return fc.dictionary(label, jsonValues, { maxKeys: 4, noNullPrototype: true })
    case 'json':
      return jsonValues.map(value => value ?? {})
    case undefined:
      return fc.constant({})
  }
}

const without = (metadata: unknown, ...names: readonly string[]): unknown =>
  typeof metadata === 'object' && metadata !== null && !Array.isArray(metadata) ? Object.fromEntries(Object.entries(metadata).filter(([name]) => !names.includes(name))) : metadata

describe.each(foreignFormats.map(format => [format.name, format] as const))('%s', (name, format) => {
  const { fields, step = 1, metadata } = carried[name] ?? expect.fail(name)
  const instances = fc
    .record({
      service: serviceNames,
      id: names,
      address: addresses,
      version: fc.oneof(fc.constant('v1'), names.filter(text => !text.includes('/'))),
      zone: texts,
      weight: fc.integer({ min: 1, max: 5_000 }).map(steps => steps * step),
      tags: texts.filter(tag => tag !== '').map(tag => [tag]),
      status: fc.constantFrom('up' as const, 'draining' as const),
      metadata: metadataOf(metadata),
    })
    .map(input => serviceInstance(input))

  it('reads what it carries of what it writes, and loses nothing of what it read', () => {
    let written = 0
    fc.assert(
      fc.property(instances, instance => {
        const key = keyOf(format, instance)
        const value = format.encode(instance)
        if (key === undefined || value === null) return
        written++
        const read = readAt(format, key, value, instance.service)
        expect(read).toMatchObject({ service: instance.service, address: instance.address })
        if (read === undefined) return
        for (const field of fields) {
          if (field === 'weight') expect(read.weight).toBeCloseTo(instance.weight, 6)
          else expect([field, read[field]]).toEqual([field, instance[field]])
        }
        if (metadata !== undefined) expect(without(read.metadata, 'zone', 'weight')).toEqual(without(instance.metadata))
        const again = keyOf(format, read) ?? ''
        expect(readAt(format, again, format.encode(read), instance.service)).toEqual(read)
      }),
      { numRuns },
    )
    expect(written).toBeGreaterThan(numRuns / 20)
  })

  it('decodes any key and any value to an instance of the key, a rejection in one line, or nothing', () => {
    const keys = fc.oneof(garbageTexts, fc.tuple(serviceNames, names).map(([service, id]) => keyOf(format, serviceInstance({ service, id, address: 'a:1' })) ?? id))
    const anyService = fc.option(fc.oneof(serviceNames, fc.string({ unit: 'binary' }), fc.constantFrom('', '.', '/', 'a//b', '../web', 'x.arpa')))
    fc.assert(
      fc.property(keys, garbageTexts, anyService, (key, value, service) => {
        const followed = service ?? format.serviceOf?.(key) ?? 'web'
        const found = format.decode(key, value, followed)
        if (E.isLeft(found)) {
          expect(found.left.key).toBe(key)
          expect(found.left.reason).toMatch(/^[^\p{Cc}\p{Cs}]{1,200}$/u)
        } else if (O.isSome(found.right)) expect([found.right.value.service, key.startsWith(format.prefix(followed))]).toEqual([followed, true])
      }),
      { numRuns },
    )
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined()
  })
})

describe('law 12: names stay home', () => {
  const related = fc.oneof(serviceNames, fc.constantFrom('foo-bar', 'foo.bar', 'bar.foo', 'foo/bar', 'foo')).chain(service =>
    fc.tuple(
      fc.constant(service),
      fc.oneof(
        serviceNames,
        names.map(segment => `${service}/${segment}`),
        names.map(letters => `${service}${letters}`),
        names.map(letters => `${letters}.${service}`),
        names.map(letters => `${service}.${letters}`),
        fc.constantFrom(service.replaceAll('/', '-'), service.replaceAll('-', '/'), service.replaceAll('.', '/'), service.split('/').reverse().join('.'), service.split('/')[0] ?? ''),
      ),
    ),
  )
  // Ids with `/`, as other stacks write them.
  const ids = fc.oneof(names, fc.tuple(names, names).map(([a, b]) => `${a}/${b}`))
  const claims = fc.tuple(serviceNames, ids, addresses).map(([name, id, address]) =>
    JSON.stringify({ id, ID: id, name, ServiceName: name, serviceName: name, Addr: address, address, Host: 'a', Port: 1, host: 'a', port: 1, endpoints: [`http://${address}`], nodes: [{ id, address }] }))

  it('a key of one service is never read as one of another, whatever its value claims', () => {
    fc.assert(
      fc.property(anyFormat, related, ids, addresses, fc.option(fc.oneof(claims, garbageTexts)), fc.boolean(), (format, [service, other], id, address, foreign, claimsOther) => {
        const instance = { ...serviceInstance({ service, address }), id: format.name === 'dubbo' || format.name === 'goMicro' ? id : id.replaceAll('/', '_') }
        const key = keyOf(format, instance)
        if (key === undefined) return
        const value = foreign ?? format.encode(claimsOther ? { ...instance, service: other } : instance) ?? ''
        expect(key.startsWith(format.prefix(service))).toBe(true)
        if (format.root !== undefined) expect(key.startsWith(format.root)).toBe(true)
        const own = readAt(format, key, value, service)
        const asOther = readAt(format, key, value, other)
        if (own !== undefined) expect(own.service).toBe(service)
        // In go-micro, the name in the value decides between `foo/bar` and `foo-bar`, which have one prefix.
        if (asOther !== undefined && other !== service) expect([format.name, asOther.service, own]).toEqual(['goMicro', other, undefined])
      }),
      { numRuns: 3 * numRuns },
    )
  })

  it('of foo, foo/bar, foobar, foo-bar and bar.foo, each reads its own keys alone', () => {
    const services = ['foo', 'foo/bar', 'foobar', 'foo-bar', 'bar.foo', 'foo.bar', 'foo/bar/my-service']
    for (const format of foreignFormats)
      for (const service of services)
        for (const id of ['a:1', 'x/a:1']) {
          const instance = { ...serviceInstance({ service, address: 'a:1' }), id: format.name === 'dubbo' || format.name === 'goMicro' ? id : 'a:1' }
          const key = keyOf(format, instance)
          if (key === undefined) continue
          const seen = services.filter(other => readAt(format, key, format.encode(instance), other) !== undefined)
          expect([format.name, service, seen]).toEqual([format.name, service, [service]])
        }
  })
})

describe('values from a hostile neighbour', () => {
  const runs = Number(process.env['FORMATS_RUNS'] ?? 300)
  const fieldNames = ['Op', 'Addr', 'Metadata', 'id', 'ID', 'name', 'ServiceName', 'serviceName', 'version', 'metadata', 'endpoints', 'nodes', 'network', 'address', 'weight', 'Weight', 'tags', 'Host', 'Port', 'Enable', 'Healthy', 'Tag', 'host', 'port', 'priority', 'text', 'ttl', 'mail', 'group', '__proto__', 'constructor']
  const hostile = fc.oneof(
    { arbitrary: fc.constantFrom('web', 'a:1', 'a', '', ':1', ' a:1', 'a b:1', 'http://a', 'http://a:1', 'http://u:p@a:1', '\ud800', '\u0000', '::1', '[::1]:1', 'é'.repeat(300), '9'.repeat(400)), weight: 6 },
    fc.constantFrom<unknown>(null, true, 0, -1, 1, 2 ** 60, 1e308, -0, 0.5, [], {}, [[]], [null], { a: null }, ['http://a:1'], [{ id: 'a', address: 'a:1' }], [{}], { zone: 1, weight: 'x' }, { zone: '\u0007' }),
    fc.anything(),
  )
  const objects = fc.array(fc.tuple(fc.constantFrom(...fieldNames), hostile), { maxLength: 12 }).map(fields => `{${fields.map(([name, value]) => `${JSON.stringify(name)}:${textOf(value)}`).join(',')}}`)
  const textOf = (value: unknown): string => {
    try {
      return [value].map(item => JSON.stringify(item)).join('')
    } catch {
      return 'null'
    }
  }
  const texts = fc.oneof(
    { arbitrary: objects, weight: 8 },
    { arbitrary: garbageTexts, weight: 2 },
    { arbitrary: fc.string({ unit: 'binary', maxLength: 50 }), weight: 1 },
    { arbitrary: fc.tuple(objects, fc.constantFrom('\n', ' ', '\ufeff', '}', '\0')).map(([text, end]) => text + end), weight: 1 },
    fc.nat(100_000).map(depth => `{"Addr":"a:1","Metadata":${'['.repeat(depth)}${']'.repeat(depth)}}`),
    fc.nat(1_100_000).map(length => `{"Addr":"${'x'.repeat(length)}"}`),
    fc.webQueryParameters(),
  )
  const segments = ['a', 'a:1', 'tcp@a:1', 'latest/a:1', 'web', 'a@b@c', ':1', 'a/b/c']

  it.each(foreignFormats.map(format => [format.name, format] as const))('%s reads without a throw', (_, format) => {
    fc.assert(
      fc.property(fc.constantFrom(...segments), texts, (segment, value) => {
        const found = format.decode(format.prefix('web') + segment, value, 'web')
        if (E.isLeft(found)) expect(found.left.reason).toMatch(/^[^\p{Cc}\p{Cs}]{1,200}$/u)
        else if (O.isSome(found.right)) {
          const instance = found.right.value
          expect(instance.service).toBe('web')
          expect(JSON.stringify({ ...instance, metadata: undefined })).not.toContain('u:p@')
          expect(Number.isFinite(instance.weight)).toBe(true)
        }
      }),
      { numRuns: runs },
    )
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined()
  })
})
