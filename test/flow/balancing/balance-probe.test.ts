import { concat, defer, NEVER, of, throwError } from 'rxjs'
import { describe, expect, it } from 'vitest'
import { balance, probe, roundRobin, serviceInstance, serviceSet, type Status } from 'rx-discovery'
import { virtually } from 'rx-discovery/testing'
import { see } from '../scene.js'

const ids = ['a', 'b', 'c', 'd']

/** Whom twelve picks chose, when checks of `sick` fail, and the registry says `statuses`. */
const chosen = (sick: readonly string[], statuses: Readonly<Record<string, Status>> = {}, panic?: number): readonly string[] => {
  const picked = new Set<string>()
  virtually(({ advance }) => {
    const set = serviceSet('web', ids.map(id => serviceInstance({ service: 'web', id, address: `${id}:80`, status: statuses[id] ?? 'up' })))
    const check = probe(({ id }) => (sick.includes(id) ? throwError(() => new Error('sick')) : of(true)), { interval: 100, timeout: 10, fall: 1, jitter: 0 })
    const balancer = balance(concat(of(set), NEVER).pipe(check), roundRobin(), panic === undefined ? {} : { panic, linger: 0 })
    const kept = see(balancer.state$)
    advance(500)
    for (let pick = 0; pick < 12; pick += 1) see(defer(() => balancer.select()), ({ id }) => picked.add(id)).stop()
    kept.stop()
    advance(60_000)
  })
  return [...picked].sort()
}

describe('a balancer behind probes', () => {
  it('chooses nobody whose checks fail', () => expect(chosen(['b'])).toEqual(['a', 'c', 'd']))
  it('chooses nobody whose checks fail while half of all pass', () => expect(chosen(['b', 'c'])).toEqual(['a', 'd']))
  it('ignores checks, as it ignores ejections, once more than half of all fail', () => {
    expect(chosen(['a', 'b', 'c'])).toEqual(ids)
    expect(chosen(ids)).toEqual(ids)
  })
  it('never in a panic one that the registry says is draining or down', () =>
    expect(chosen(ids, { a: 'draining', b: 'down' })).toEqual(['c', 'd']))
  it('has no panic when told so', () => expect(chosen(['a', 'b', 'c'], {}, 0)).toEqual(['d']))
  it('says that none is up when checks took down all', () => virtually(({ advance }) => {
    const set = serviceSet('web', [serviceInstance({ service: 'web', address: 'a:80' })])
    const down = probe(() => of(false), { interval: 100, fall: 1, jitter: 0 })
    const balancer = balance(concat(of(set), NEVER).pipe(down), roundRobin(), { panic: 0, wait: 50 })
    const kept = see(balancer.state$)
    advance(500)
    const nobody = see(balancer.select())
    advance(50)
    expect(nobody.error).toMatchObject({ name: 'NoInstance', reason: 'none up' })
    kept.stop()
  }))
})
