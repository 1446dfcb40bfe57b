import { describe, expect, it } from 'vitest'
import { InvalidArgument, native, plain, serviceInstance, type Format, type Lease } from 'rx-discovery'
import { raw, serving, type Project, type Serving } from '../../../src/core/wire/serving.js'

const lease: Lease = { id: '7', ttl: 10, expiresAt: 0, renewals: 0 }
const node = (service: string, id: string, metadata: unknown = {}) => serviceInstance({ service, id, address: `${id}:80`, incarnation: 'i', metadata })
const stored = (format: Format, service: string, id: string, metadata: unknown = {}) =>
  ({ key: format.key(node(service, id, metadata), lease), value: format.encode(node(service, id, metadata)), revision: 5, lease: '7' })
const one = (services: readonly string[] | 'all', format: Format = native(), project: Project = { metadata: [] }): Serving => serving({ services, format, project })

describe('what is served', () => {
  it('is native, whatever the format, without metadata', () => {
    const format = native({ prefix: '/own' })
    const change = stored(format, 'web', 'a', { rack: '1', secret: 's' })
    const served = one(['web'], format).serve(change)
    expect(served).toMatchObject({ key: '/rx-discovery/web/a', value: '{"v":1,"address":"a:80","incarnation":"i"}', revision: 5, lease: '7' })
    expect(served?.text).toBe(JSON.stringify(['/rx-discovery/web/a', served?.value, 5, '7']))
  })
  it('has the metadata that is named', () => {
    const change = stored(native(), 'web', 'a', { rack: '1', secret: 's' })
    expect(one(['web'], native(), { metadata: ['rack', 'other'] }).serve(change)?.value).toContain('"metadata":{"rack":"1"}')
    expect(one(['web'], native(), { metadata: ['rack'] }).serve(stored(native(), 'web', 'a', 'text'))?.value).not.toContain('text')
  })
  it('is what a function returns, under the same service and id', () => {
    const project: Project = instance => (instance.id === 'b' ? null : { service: 'other', id: 'x', address: 'public:443' })
    expect(one(['web'], native(), project).serve(stored(native(), 'web', 'a'))).toMatchObject({ key: '/rx-discovery/web/a', value: '{"v":1,"address":"public:443"}' })
    expect(one(['web'], native(), project).serve(stored(native(), 'web', 'b'))).toBe(undefined)
  })
  it.each<[string, Project]>([
    ['throws', () => { throw new Error('secret') }],
    ['returns no instance', () => ({ service: 'web', address: 'no port' })],
  ])('is a reason without a secret if the function %s', (_, project) => {
    const { key = '', value = '' } = one(['web'], native(), project).serve(stored(native(), 'web', 'a')) ?? {}
    expect(native().decode(key, value, 'web')).toMatchObject({ _tag: 'Left', left: { reason: expect.stringMatching(/^the projection/) as unknown } })
    expect(value).not.toContain('secret')
  })
  it('is the reason for a value that cannot be read, not the value', () => {
    const served = one(['web'], plain() as Format).serve({ key: '/web/a', value: 'secret without port', revision: 5, lease: '0' })
    expect(served?.value).not.toContain('secret')
    expect(native().decode(served?.key ?? '', served?.value ?? '', 'web')).toMatchObject({ left: { key: '/rx-discovery/web/a', reason: 'address must be host:port' } })
  })
  it('is nothing of other services, of deeper keys and of ignored ones', () => {
    const web = one(['web', 'foo'])
    for (const key of ['/rx-discovery/orders/a', '/rx-discovery/foo/bar/a', '/rx-discovery/web2/a', '/other'])
      expect(web.serve({ key, value: '{"v":1,"address":"a:1"}', revision: 1, lease: '0' })).toBe(undefined)
  })
  it('is raw on demand', () => {
    const served = one(['web'], plain() as Format, raw).serve({ key: '/web/any/thing', value: '\u0000', revision: 1, lease: '0' })
    expect(served).toMatchObject({ key: '/web/any/thing', value: '\u0000' })
    expect(one(['web'], plain() as Format, raw).serve({ key: '/web2/a', value: '', revision: 1, lease: '0' })).toBe(undefined)
  })
})

describe('the prefix that is watched', () => {
  const under = (...services: string[]): string => one(services, plain() as Format).prefix
  it.each([
    [one(['web']).prefix, '/rx-discovery/web/'],
    [one(['web', 'orders']).prefix, '/rx-discovery/'],
    [one('all').prefix, '/rx-discovery/'],
    [under('web'), '/web/'],
    [under('web', 'orders'), '/'],
    [under('shop/web', 'shop/orders'), '/shop/'],
    [under('shop', 'shop/orders'), '/shop/'],
  ])('%s', (prefix, expected) => expect(prefix).toBe(expected))
  it('needs names if the format has no root', () => expect(() => one('all', plain() as Format)).toThrow(InvalidArgument))
})

describe('a range', () => {
  it.each([
    ['/rx-discovery/', true], ['/rx-discovery/web/', true], [{ key: '/rx-discovery/web/a' }, true],
    ['/rx-discovery/web', false], ['/rx-discovery/we', false], ['/rx-discovery/orders/', false], ['/rx-discovery/web/a', false],
    ['/rx-discovery/web/deeper/', false], ['', false], ['/', false], [{ key: '/rx-discovery/orders/a' }, false], [{ key: '/rx-discovery/web/x/y' }, false],
  ] as const)('%j is allowed: %s', (range, allowed) => expect(one(['web']).allows(range)).toBe(allowed))
  it('of any service is allowed if all are served', () => {
    expect(one('all').allows('/rx-discovery/any/name/')).toBe(true)
    expect(one('all').allows('/rx-discovery//')).toBe(false)
  })
  it('lies in a served prefix if it is raw', () => {
    const { allows } = one(['web'], plain() as Format, raw)
    expect([allows('/web/'), allows('/web/x'), allows({ key: '/web/a' }), allows('/'), allows('/web'), allows({ key: '/web2/a' })]).toEqual([true, true, true, false, false, false])
  })
})
