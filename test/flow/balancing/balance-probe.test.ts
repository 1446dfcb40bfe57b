import { concat, defer, NEVER, of, throwError } from 'rxjs'
import { describe, expect, it } from 'vitest'
import { balance, probe, roundRobin, serviceInstance, serviceSet, type Status } from 'rx-discovery'
import { virtually } from 'rx-discovery/testing'
import { see } from '../scene.js'

const ids = ['a', 'b', 'c', 'd']

/** The instances that twelve picks chose, if checks of `sick` fail and the registry has `statuses`. */
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
  it('chooses no instance whose checks fail', () => expect(chosen(['b'])).toEqual(['a', 'c', 'd']))
  it('chooses no instance whose checks fail, while half of all pass', () => expect(chosen(['b', 'c'])).toEqual(['a', 'd']))
  it('ignores checks, like ejections, once more than half of all fail', () => {
    expect(chosen(['a', 'b', 'c'])).toEqual(ids)
    expect(chosen(ids)).toEqual(ids)
  })
  it('never chooses an instance that is draining or down in the registry, not even in a panic', () =>
    expect(chosen(ids, { a: 'draining', b: 'down' })).toEqual(['c', 'd']))
  it('never panics with `panic: 0`', () => expect(chosen(['a', 'b', 'c'], {}, 0)).toEqual(['d']))
  it('reports that none is up if checks took down all', () => virtually(({ advance }) => {
    const set = serviceSet('web', [serviceInstance({ service: 'web', address: 'a:80' })])
    const down = probe(() => of(false), { interval: 100, fall: 1, jitter: 0 })
    const balancer = balance(concat(of(set), NEVER).pipe(down), roundRobin(), { panic: 0, wait: 50 })
    const kept = see(balancer.state$)
    advance(500)
    const waiting = see(balancer.select())
    advance(50)
    expect(waiting.error).toMatchObject({ name: 'NoInstance', reason: 'none up' })
    kept.stop()
  }))
})
