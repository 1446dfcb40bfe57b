import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { serviceInstance, type ServiceInstance, type Status } from '../../../src/core/instance/instance.js'
import { initialProtection, nextExpiry, protectionAfterSet, protectionAt, type Protection, type ProtectionLimits } from '../../../src/core/sets/protection.js'
import { instancesOf, serviceSet, type ServiceSet, withInstances } from '../../../src/core/sets/service-set.js'
import { SortedMap } from '../../../src/core/sorted-map/sorted-map.js'

type Content = Readonly<Record<string, Status>>
interface Step {
  readonly after: number
  readonly content: Content
  readonly status: 'live' | 'stale'
}

const idOf = (index: number): string => `n${String(index).padStart(4, '0')}`
const ids = Array.from({ length: 8 }, (_, index) => idOf(index))
const statuses = fc.constantFrom<Status>('up', 'up', 'up', 'starting', 'draining', 'down')
const anyLimits: fc.Arbitrary<ProtectionLimits> = fc.record({ grace: fc.oneof(fc.integer({ min: 0, max: 50 }), fc.double({ min: 0, max: 9, noNaN: true })), maxLoss: fc.double({ min: 0, max: 1, noNaN: true }) })
const contents: fc.Arbitrary<Content> = fc.oneof(
  fc.dictionary(fc.constantFrom(...ids), statuses, { noNullPrototype: true }),
  fc.subarray([...ids]).map(some => Object.fromEntries(some.map(id => [id, 'up' as const]))),
)
const steps = fc.array(fc.record({ after: fc.nat({ max: 30 }), content: contents, status: fc.constantFrom('live' as const, 'live' as const, 'stale' as const) }), { maxLength: 25 })

/** The next set; an instance that did not change is the same object. */
const following = (before: ServiceSet, { content, status }: Step): ServiceSet =>
  serviceSet('web', Object.entries(content).map(([id, is]) => {
    const last = before.get(id)
    return last?.status === is ? last : serviceInstance({ service: 'web', id, address: 'a:1', status: is })
  }), { status })

/** Plays the steps like the operator, with expiries in between, and passes each emitted set to `seen`. */
const played = (all: readonly Step[], limits: ProtectionLimits, seen: (shown: ServiceSet, source: ServiceSet, now: number, before: Protection<unknown>) => void): void => {
  let now = 0.1
  let protection = initialProtection('web')
  const expire = (until: number): void => {
    for (let due = nextExpiry(protection, limits); due !== undefined && due <= until; due = nextExpiry(protection, limits)) {
      const before = protection
      protection = protectionAt(protection, due, limits)
      expect(protection.result).not.toBe(before.result)
      seen(protection.result, protection.source, due, before)
    }
  }
  for (const step of all) {
    expire(now + step.after)
    now += step.after
    const before = protection
    protection = protectionAfterSet(protection, following(before.source, step), now, limits)
    seen(protection.result, protection.source, now, before)
  }
  expire(Infinity)
  expect(protection.result).toBe(protection.source)
}

describe('protection', () => {
  it('the result has every instance of the source unchanged, and besides them only the held ones, as they were last', () => {
    fc.assert(fc.property(steps, anyLimits, (all, limits) => {
      const last = new Map<string, ServiceInstance>()
      played(all, limits, (shown, source) => {
        for (const instance of source) last.set(instance.id, instance)
        expect(shown.status).toBe(source.status)
        expect([...shown].filter(({ id }) => !shown.held.has(id))).toEqual([...source])
        for (const instance of shown) expect(instance).toBe(last.get(instance.id))
        for (const id of shown.held) expect([source.has(id), shown.has(id), last.get(id)?.status === 'up' || last.get(id)?.status === 'starting']).toEqual([false, true, true])
        if (shown.held.size === 0) expect(shown).toBe(source)
      })
    }))
  })

  it('no instance is held for longer than the grace after it vanished, and none that was released before', () => {
    fc.assert(fc.property(steps, anyLimits, (all, limits) => {
      const vanished = new Map<string, number>()
      let before: ServiceSet = serviceSet('web')
      let shownBefore = before
      played(all, limits, (shown, source, now) => {
        for (const { id } of before) if (!source.has(id)) vanished.set(id, now)
        for (const id of shown.held) {
          expect((vanished.get(id) ?? -Infinity) + limits.grace).toBeGreaterThan(now)
          expect(before.has(id) || shownBefore.held.has(id)).toBe(true)
        }
        before = source
        shownBefore = shown
      })
    }))
  })

  const fleet = (count: number): readonly ServiceInstance[] => Array.from({ length: count }, (_, index) => serviceInstance({ service: 'web', id: idOf(index), address: 'a:1' }))
  const sizes = fc.integer({ min: 0, max: 60 })
  const share = (count: number, maxLoss: number): number => (maxLoss === 0 ? 0 : Math.max(1, Math.floor(count * maxLoss + 1e-9)))

  it('within the grace at most the share is missing, and no instance is held before that many are', () => {
    fc.assert(fc.property(sizes, fc.array(fc.array(fc.nat({ max: 59 }), { maxLength: 30 }), { maxLength: 12 }), fc.double({ min: 0, max: 1, noNaN: true }), (count, absent, maxLoss) => {
      const all = fleet(count)
      const limits = { grace: 100, maxLoss }
      const allowed = share(count, maxLoss)
      let protection = protectionAfterSet(initialProtection('web'), serviceSet('web', all), 0, limits)
      let most = 0
      absent.forEach((missing, now) => {
        const source = serviceSet('web', all.filter((_, index) => !missing.includes(index)))
        most = Math.max(most, count - source.size)
        protection = protectionAfterSet(protection, source, now, limits)
        expect(protection.result.size).toBeGreaterThanOrEqual(count - allowed)
        if (most <= allowed) expect(protection.result).toBe(source)
      })
    }))
  })

  it('the number of held instances does not depend on whether they vanished at once or one by one', () => {
    fc.assert(fc.property(sizes, sizes, fc.double({ min: 0, max: 1, noNaN: true }), (count, lost, maxLoss) => {
      const limits = { grace: 100, maxLoss }
      const all = fleet(count)
      const start = protectionAfterSet(initialProtection('web'), serviceSet('web', all), 0, limits)
      const without = (some: number): ServiceSet => serviceSet('web', all.slice(some))
      const atOnce = protectionAfterSet(start, without(lost), 1, limits)
      const oneByOne = Array.from({ length: lost }, (_, some) => without(some + 1)).reduce((so, set) => protectionAfterSet(so, set, 1, limits), start)
      expect(oneByOne.result.held.size).toBe(atOnce.result.held.size)
      expect(atOnce.result.held.size).toBe(Math.max(0, Math.min(lost, count) - share(count, maxLoss)))
    }))
  })

  it('a deployment under new names holds no instance in the end, however many are replaced at a time', () => {
    fc.assert(fc.property(fc.integer({ min: 1, max: 20 }), fc.infiniteStream(fc.boolean()), anyLimits, (count, coins, limits) => {
      let [gone, come] = [0, 0]
      const all = fleet(2 * count)
      const shown = (): ServiceSet => serviceSet('web', [...all.slice(gone, count), ...all.slice(count, count + come)])
      let protection = protectionAfterSet(initialProtection('web'), shown(), 0, limits)
      while (gone < count || come < count) {
        const [leaves = true] = coins.take(1)
        if (come === gone || (leaves && gone < count)) gone += 1
        else come += 1
        protection = protectionAfterSet(protection, shown(), 0, limits)
        if (limits.grace > 1e-9) expect(protection.result.size).toBeGreaterThanOrEqual(count - share(count, limits.maxLoss))
      }
      expect([protection.result.held.size, protection.result.size]).toEqual([0, count])
    }))
  })
})

describe('the cost of protection', () => {
  it('is proportional to what differs: the result shares its tree with the one before', () => {
    const limits = { grace: 100, maxLoss: 0.1 }
    const all = Array.from({ length: 20_000 }, (_, index) => serviceInstance({ service: 'web', id: `n${String(index).padStart(6, '0')}`, address: 'a:1' }))
    let source = serviceSet('web', all)
    let protection = protectionAfterSet(initialProtection('web'), source, 0, limits)
    for (const { id } of all.slice(0, 3_000)) {
      source = withInstances(source, instancesOf(source).delete(id))
      const before = protection
      protection = protectionAfterSet(protection, source, 1, limits)
      expect(SortedMap.difference(instancesOf(before.result), instancesOf(protection.result)).length).toBeLessThanOrEqual(1)
    }
    expect([protection.result.size, protection.result.held.size]).toEqual([18_000, 1_000])
  })
})
