import { BehaviorSubject, concat, defer, delay, dematerialize, finalize, map, materialize, NEVER, Observable, of, Subject, take } from 'rxjs'
import { describe, expect, it } from 'vitest'
import { native, plain, register, type Format, type Lease, type Registry, type Revision, type ServiceInstanceInput } from 'rx-discovery'
import { backoff, key, node, stage, value } from './registration-stage.js'

describe('who leaves in the middle', () => {
  it('of a write, with another one waiting, leaves nothing under way', () => stage(({ registry, watch }) => {
    const instance = new BehaviorSubject<ServiceInstanceInput>(node)
    const answers: Subject<Revision>[] = []
    let left = 0
    const slow: Registry = {
      ...registry,
      put: () => defer(() => {
        const answer = new Subject<Revision>()
        answers.push(answer)
        return answer.pipe(finalize(() => (left += 1)))
      }),
    }
    const registration = watch(register(slow, instance, { backoff }))
    instance.next({ ...node, zone: 'a' })
    instance.next({ ...node, zone: 'b' })
    registration.stop()
    expect([answers.length, left, instance.observed, registry.leases()]).toEqual([1, 1, false, []])
    answers[0]?.next(2)
    answers[0]?.complete()
    expect([answers.length, registration.statuses()]).toEqual([1, ['registering']])
  }))

  it('does not end it for another, who leaves later', () => stage(({ registry, watch, advance, there }) => {
    const thaw = registry.freeze()
    const registration = register(registry, node, { backoff })
    const [first, second] = [watch(registration), watch(registration)]
    first.stop()
    thaw()
    advance(1)
    expect([first.statuses(), second.statuses(), there()]).toEqual([['registering'], ['registering', 'registered'], [[key, value, '1']]])
    second.stop()
    expect([there(), registry.leases()]).toEqual([[], []])
  }))

  it('of a first state stops there: nothing is written', () => stage(({ registry, watch }) => {
    let puts = 0
    const counted: Registry = { ...registry, put: (entries, lease) => ((puts += 1), registry.put(entries, lease)) }
    watch(register(counted, node, { backoff }).pipe(take(1)))
    expect([puts, registry.leases(), registry.revision()]).toEqual([0, [], 1])
  }))

  it('of a loss, inside next, leaves no second lease', () => stage(({ registry, advance, pending, watch }) => {
    const registration = watch(register(registry, node, { ttl: 6, backoff }), ({ status }) => {
      if (status === 'lost') registration.stop()
    })
    registry.expire('1')
    advance(10_000)
    expect([registration.statuses().at(-1), registry.leases(), pending()]).toEqual(['lost', [], 0])
  }))
})

describe('news of a key', () => {
  it('that comes at once with its watch counts', () => stage(({ registry, watch }) => {
    // such as what happened between the write and the creation of the watch
    const foreign = { key, value: 'theirs', lease: '0', revision: 9 }
    const prompt: Registry = { ...registry, watch: () => concat(of({ cluster: '1', revision: 9, changes: [foreign] }), NEVER) }
    const registration = watch(register(prompt, node, { backoff }))
    expect(registration.statuses()).toEqual(['registering', 'registered', 'taken'])
  }))

  it('that is the echo of a write says nothing twice', () => stage(({ registry, watch, advance }) => {
    const until = new Subject<void>()
    // the watch tells of it before the answer does
    const late: Registry = { ...registry, put: (entries, lease) => registry.put(entries, lease).pipe(materialize(), delay(5), dematerialize()) }
    const registration = watch(register(late, node, { ttl: 6, backoff, format: plain(), until, drain: 1_000 }))
    advance(5)
    until.next()
    advance(500)
    expect(registration.states.filter(({ status }) => status === 'draining')).toMatchObject([{ revision: 3 }])
  }))
})

describe('a format', () => {
  it('is asked once for each wish, whatever is renewed and heard', () => stage(({ registry, watch, advance }) => {
    let encoded = 0
    const counting: Format = { ...native(), encode: instance => ((encoded += 1), native().encode(instance)) }
    const instance = new BehaviorSubject<ServiceInstanceInput>(node)
    const registration = watch(register(registry, instance, { ttl: 6, backoff, format: counting }))
    registry.write(key, 'theirs')
    registry.write(key, null)
    advance(100_000)
    expect([registration.last()?.status, encoded]).toEqual(['registered', 1])
    instance.next({ ...node, zone: 'a' })
    expect(encoded).toBe(2)
  }))

  it('whose key follows the lease is asked again for the next one', () => stage(({ registry, watch, there, advance }) => {
    const byLease: Format = { ...native(), key: (_, { id }: Lease) => `/by/${id}` }
    watch(register(registry, node, { ttl: 6, backoff, format: byLease }))
    registry.expire('1')
    advance(10_000)
    expect(there()).toEqual([['/by/2', value, '2']])
  }))
})

describe('until', () => {
  it('is left after its first value, and the end is told to the lease only where there may be one', () => stage(({ registry, watch, advance }) => {
    const until = new Subject<void>()
    const ends: unknown[] = []
    const told: Registry = { ...registry, lease: (ttl, end) => (ends.push(end), registry.lease(ttl, end).pipe(map(lease => lease))) }
    watch(register(told, node, { backoff }))
    const ending = watch(register(told, { ...node, id: 'b' }, { backoff, until }))
    until.next()
    expect(until.observed).toBe(false)
    advance(1)
    expect([ending.statuses().at(-1), ends]).toEqual(['revoked', [undefined, expect.any(Observable)]])
  }))
})
