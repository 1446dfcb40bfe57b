import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { serviceInstance, type ServiceInstance, type Status } from '../../../src/core/instance/instance.js'
import { aged, judged, nextLeave, unprotected, type Guard, type Protection } from '../../../src/core/sets/protection.js'
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
const guards: fc.Arbitrary<Guard> = fc.record({ grace: fc.oneof(fc.integer({ min: 0, max: 50 }), fc.double({ min: 0, max: 9, noNaN: true })), maxLoss: fc.double({ min: 0, max: 1, noNaN: true }) })
const contents: fc.Arbitrary<Content> = fc.oneof(
  fc.dictionary(fc.constantFrom(...ids), statuses, { noNullPrototype: true }),
  fc.subarray([...ids]).map(some => Object.fromEntries(some.map(id => [id, 'up' as const]))),
)
const steps = fc.array(fc.record({ after: fc.nat({ max: 30 }), content: contents, status: fc.constantFrom('live' as const, 'live' as const, 'stale' as const) }), { maxLength: 25 })

/** The next set: who says the same is the same object. */
const following = (before: ServiceSet, { content, status }: Step): ServiceSet =>
  serviceSet('web', Object.entries(content).map(([id, is]) => {
    const known = before.get(id)
    return known?.status === is ? known : serviceInstance({ service: 'web', id, address: 'a:1', status: is })
  }), { status })

/** Plays the steps as the operator does: what is due leaves in between; `seen` sees all that is emitted. */
const played = (all: readonly Step[], guard: Guard, seen: (shown: ServiceSet, source: ServiceSet, now: number, before: Protection<unknown>) => void): void => {
  let now = 0.1
  let protection = unprotected('web')
  const leave = (until: number): void => {
    for (let due = nextLeave(protection, guard); due !== undefined && due <= until; due = nextLeave(protection, guard)) {
      const before = protection
      protection = aged(protection, due, guard)
      expect(protection.result).not.toBe(before.result)
      seen(protection.result, protection.source, due, before)
    }
  }
  for (const step of all) {
    leave(now + step.after)
    now += step.after
    const before = protection
    protection = judged(protection, following(before.source, step), now, guard)
    seen(protection.result, protection.source, now, before)
  }
  leave(Infinity)
  expect(protection.result).toBe(protection.source)
}

describe('the laws of protection', () => {
  it('it never loses what the source has, and shows it as it is; nothing else is shown but those held, as they were last', () => {
    fc.assert(fc.property(steps, guards, (all, guard) => {
      const last = new Map<string, ServiceInstance>()
      played(all, guard, (shown, source) => {
        for (const instance of source) last.set(instance.id, instance)
        expect(shown.status).toBe(source.status)
        expect([...shown].filter(({ id }) => !shown.held.has(id))).toEqual([...source])
        for (const instance of shown) expect(instance).toBe(last.get(instance.id))
        for (const id of shown.held) expect([source.has(id), shown.has(id), last.get(id)?.status === 'up' || last.get(id)?.status === 'starting']).toEqual([false, true, true])
        if (shown.held.size === 0) expect(shown).toBe(source)
      })
    }))
  })

  it('nobody is held for longer than the grace after it vanished, and nobody who vanished before it was last let go', () => {
    fc.assert(fc.property(steps, guards, (all, guard) => {
      const vanished = new Map<string, number>()
      let before: ServiceSet = serviceSet('web')
      let shownBefore = before
      played(all, guard, (shown, source, now) => {
        for (const { id } of before) if (!source.has(id)) vanished.set(id, now)
        for (const id of shown.held) {
          expect((vanished.get(id) ?? -Infinity) + guard.grace).toBeGreaterThan(now)
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

  it('within a grace no more than the share is shown as gone, and nobody is held before that many are', () => {
    fc.assert(fc.property(sizes, fc.array(fc.array(fc.nat({ max: 59 }), { maxLength: 30 }), { maxLength: 12 }), fc.double({ min: 0, max: 1, noNaN: true }), (count, absent, maxLoss) => {
      const all = fleet(count)
      const guard = { grace: 100, maxLoss }
      const allowed = share(count, maxLoss)
      let protection = judged(unprotected('web'), serviceSet('web', all), 0, guard)
      let most = 0
      absent.forEach((missing, now) => {
        const source = serviceSet('web', all.filter((_, index) => !missing.includes(index)))
        most = Math.max(most, count - source.size)
        protection = judged(protection, source, now, guard)
        expect(protection.result.size).toBeGreaterThanOrEqual(count - allowed)
        if (most <= allowed) expect(protection.result).toBe(source)
      })
    }))
  })

  it('how many are held does not depend on whether they vanished at once or one by one', () => {
    fc.assert(fc.property(sizes, sizes, fc.double({ min: 0, max: 1, noNaN: true }), (count, lost, maxLoss) => {
      const guard = { grace: 100, maxLoss }
      const all = fleet(count)
      const start = judged(unprotected('web'), serviceSet('web', all), 0, guard)
      const without = (some: number): ServiceSet => serviceSet('web', all.slice(some))
      const atOnce = judged(start, without(lost), 1, guard)
      const oneByOne = Array.from({ length: lost }, (_, some) => without(some + 1)).reduce((so, set) => judged(so, set, 1, guard), start)
      expect(oneByOne.result.held.size).toBe(atOnce.result.held.size)
      expect(atOnce.result.held.size).toBe(Math.max(0, Math.min(lost, count) - share(count, maxLoss)))
    }))
  })

  it('a deployment under new names holds nobody in the end, however many are replaced at a time', () => {
    fc.assert(fc.property(fc.integer({ min: 1, max: 20 }), fc.infiniteStream(fc.boolean()), guards, (count, coins, guard) => {
      let [gone, come] = [0, 0]
      const all = fleet(2 * count)
      const shown = (): ServiceSet => serviceSet('web', [...all.slice(gone, count), ...all.slice(count, count + come)])
      let protection = judged(unprotected('web'), shown(), 0, guard)
      while (gone < count || come < count) {
        const [leaves = true] = coins.take(1)
        if (come === gone || (leaves && gone < count)) gone += 1
        else come += 1
        protection = judged(protection, shown(), 0, guard)
        if (guard.grace > 1e-9) expect(protection.result.size).toBeGreaterThanOrEqual(count - share(count, guard.maxLoss))
      }
      expect([protection.result.held.size, protection.result.size]).toEqual([0, count])
    }))
  })
})

describe('the cost of protection', () => {
  it('is that of what differs: the shown map shares its tree with the one before', () => {
    const guard = { grace: 100, maxLoss: 0.1 }
    const all = Array.from({ length: 20_000 }, (_, index) => serviceInstance({ service: 'web', id: `n${String(index).padStart(6, '0')}`, address: 'a:1' }))
    let source = serviceSet('web', all)
    let protection = judged(unprotected('web'), source, 0, guard)
    for (const { id } of all.slice(0, 3_000)) {
      source = withInstances(source, instancesOf(source).delete(id))
      const before = protection
      protection = judged(protection, source, 1, guard)
      expect(SortedMap.difference(instancesOf(before.result), instancesOf(protection.result)).length).toBeLessThanOrEqual(1)
    }
    expect([protection.result.size, protection.result.held.size]).toEqual([18_000, 1_000])
  })
})
