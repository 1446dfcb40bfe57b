import { describe, expect, it } from 'vitest'
import { Compacted, Denied, Disconnected, InvalidArgument, LeaseLost, NoInstance, Taken, leaseHex, textOf, toError } from '../../src/core/errors.js'

describe('messages', () => {
  it('of an argument begin with its name', () => {
    expect(new InvalidArgument('ttl', 'must be a number, got "x"')).toMatchObject({ argument: 'ttl', message: 'ttl must be a number, got "x"' })
  })
  it('show leases as etcdctl does, in hexadecimal, and keep them in decimal', () => {
    expect(leaseHex('7587870460981677828')).toBe('694d87fb647e0f04')
    expect(leaseHex('none')).toBe('none')
    expect(new LeaseLost('255')).toMatchObject({ leaseId: '255', message: 'lease ff is lost: expired or revoked' })
  })
  it('of a key that exists already name its lease, or that it has none', () => {
    const there = (key: string, lease: string, revision = 1) => ({ key, value: '', lease, revision })
    expect(new Taken([there('/web/a', '255'), there('/web/b', '0'), there('/web/c', '0', 0)]).message).toBe('/web/a already exists under lease ff, /web/b already exists without a lease')
    expect(new Taken([there('/web/a', '255')], 'choose another id')).toMatchObject({ message: '/web/a already exists under lease ff (choose another id)', hint: 'choose another id' })
    expect(new Taken([there('/web/c', '0', 0)]).message).toBe('a key that was expected does not exist any more')
  })
  it('of a refusal end with the hint, if there is one', () => {
    expect([new Denied('h:1 requires a login', { hint: 'pass auth' }), new Denied('no')]).toMatchObject([{ message: 'h:1 requires a login (pass auth)', hint: 'pass auth' }, { message: 'no', hint: undefined }])
  })
  it('of a compaction name the oldest revision that can be read, if it is known', () => {
    expect([new Compacted(7).message, new Compacted(0).message]).toEqual(['the requested history is compacted; the oldest revision that can be read is 7', 'the requested history is compacted'])
  })
  it('say why there is no instance, of which service, whether the set is stale, and why', () => {
    const reasons = ['pending', 'empty', 'none up', 'all ejected', 'none chosen'] as const
    expect(reasons.map(reason => new NoInstance('web', reason).message)).toEqual([
      'no instance of web is known yet: the registry has not been listed',
      'no instance of web is registered',
      'no instance of web is up',
      'every instance of web that is up is ejected, since its calls failed',
      'the policy chose no instance of web',
    ])
    const cause = new Disconnected('http://a:1 refused the connection', { host: 'http://a:1' })
    expect([new NoInstance('', 'empty', { staleSince: 1 }), new NoInstance('web', 'none up', { staleSince: 1, cause }), new NoInstance('web', 'pending', { cause })].map(({ message }) => message)).toEqual([
      'no instance of the service is registered (the set is stale)',
      'no instance of web is up (the set is stale: http://a:1 refused the connection)',
      'no instance of web is known yet: the registry has not been listed (http://a:1 refused the connection)',
    ])
  })
  it('of anything that was thrown can be had', () => {
    expect(textOf(Object.create(null))).toBe('a value that cannot be converted to a string')
    expect(toError('no')).toMatchObject({ message: 'no', cause: 'no' })
    const error = new Error('no')
    expect(toError(error)).toBe(error)
  })
})
