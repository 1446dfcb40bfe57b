import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { serviceInstance, serviceSet, type ServiceInstance, type ServiceSet, type Status } from '../../../src/index.js'
import { asRegistered, initialProbing, probingAfterCheck, probingAfterSet, type Probing, type Thresholds } from '../../../src/core/sets/probing.js'
import { instancesOf, withInstances, withState } from '../../../src/core/sets/service-set.js'
import { SortedMap } from '../../../src/core/sorted-map/sorted-map.js'

const thresholds: Thresholds = { rise: 2, fall: 3 }
const node = (id: string, more: Partial<ServiceInstance> = {}): ServiceInstance => serviceInstance({ service: 'web', id, address: `${id}:80`, ...more })
const begun = (set: ServiceSet): Probing<unknown> => probingAfterSet(initialProbing(), set).state
const checked = (state: Probing<unknown>, id: string, results: string): Probing<unknown> =>
  Array.from(results).reduce((next, result) => probingAfterCheck(next, id, result === '+', thresholds), state)
const statusOf = (state: Probing<unknown>, id = 'a'): Status | undefined => state.result.get(id)?.status
const changed = (set: ServiceSet, instance: ServiceInstance): ServiceSet => withInstances(set, instancesOf(set).set(instance.id, instance))

describe('probingAfterCheck', () => {
  it.each([
    ['', 'up'],
    ['--', 'up'],
    ['---', 'down'],
    ['--+--', 'up'],
    ['--+---', 'down'],
    ['---+', 'down'],
    ['---++', 'up'],
    ['---+-+', 'down'],
    ['---+-++', 'up'],
    ['---++--', 'up'],
    ['---++---', 'down'],
  ])('with fall 3 and rise 2, the results %j leave an instance %s', (results, status) => {
    expect(statusOf(checked(begun(serviceSet('web', [node('a')])), 'a', results))).toBe(status)
  })

  it('returns the same state while checks confirm the shown status, and the same result while no status changes', () => {
    const state = begun(serviceSet('web', [node('a')]))
    expect(checked(state, 'a', '+++')).toBe(state)
    expect(checked(state, 'a', '--').result).toBe(state.result)
    const down = checked(state, 'a', '---')
    expect(checked(down, 'a', '--')).toBe(down)
  })

  it('ignores checks of instances that are absent or not up', () => {
    const state = begun(serviceSet('web', [node('a', { status: 'draining' })]))
    expect([checked(state, 'a', '-----'), checked(state, 'b', '-----')]).toEqual([state, state])
  })

  it('restores the same instance, and the same set once all instances are up again', () => {
    const set = serviceSet('web', [node('a'), node('b')])
    const down = checked(begun(set), 'a', '---')
    expect(down.result.get('a')).toEqual({ ...set.get('a'), status: 'down' })
    expect([Object.isFrozen(down.result.get('a')), down.result.get('b') === set.get('b'), set.get('a')?.status]).toEqual([true, true, 'up'])
    expect(checked(checked(down, 'b', '---'), 'a', '++').result.get('a')).toBe(set.get('a'))
    expect(checked(down, 'a', '++').result).toBe(set)
  })

  it('asRegistered returns the instance as its registry has it', () => {
    const set = serviceSet('web', [node('a'), node('b', { status: 'down' })])
    const all = checked(begun(set), 'a', '---').result.toArray()
    expect(all.map(({ status }) => status)).toEqual(['down', 'down'])
    expect(all.map(asRegistered)).toEqual(set.toArray())
    expect(all.map(instance => asRegistered(instance) === set.get(instance.id))).toEqual([true, true])
  })
})

describe('probingAfterSet', () => {
  it('starts the checks of an instance that comes, comes back or moves, and stops the checks of an instance that leaves or is no longer up', () => {
    const step = (before: ServiceInstance | undefined, after: ServiceInstance | undefined): readonly (readonly string[])[] => {
      const of = (instance: ServiceInstance | undefined): ServiceSet => serviceSet('web', instance === undefined ? [] : [instance])
      const { started, stopped } = probingAfterSet(begun(of(before)), of(after))
      return [started, stopped]
    }
    const [started, stopped, neither] = [[['a'], []], [[], ['a']], [[], []]]
    expect(step(undefined, node('a'))).toEqual(started)
    expect(step(node('a'), node('a', { address: 'b:1' }))).toEqual(started)
    expect(step(node('a'), node('a', { endpoints: { http: 'http://b:1' } }))).toEqual(started)
    expect(step(node('a', { status: 'down' }), node('a'))).toEqual(started)
    expect(step(node('a'), node('a', { weight: 3, tags: ['x'], metadata: { rack: 1 } }))).toEqual(neither)
    expect(step(node('a', { endpoints: { http: 'x' } }), node('a', { endpoints: { http: 'x' }, version: '2' }))).toEqual(neither)
    for (const status of ['starting', 'draining', 'down'] as const) {
      expect(step(node('a'), node('a', { status }))).toEqual(stopped)
      expect(step(node('a', { status }), node('a', { status, version: '2' }))).toEqual(neither)
      expect(step(undefined, node('a', { status }))).toEqual(neither)
    }
    expect(step(node('a'), undefined)).toEqual(stopped)
    expect(step(node('a', { status: 'down' }), undefined)).toEqual(neither)
  })

  it('keeps results while an instance only changes other fields, and forgets them when it moves or its registered status is no longer up', () => {
    const down = checked(begun(serviceSet('web', [node('a'), node('b')])), 'a', '---')
    const heavier = probingAfterSet(down, changed(down.source, node('a', { weight: 7 }))).state
    expect(heavier.result.get('a')).toEqual({ ...node('a', { weight: 7 }), status: 'down' })
    expect(statusOf(checked(heavier, 'a', '++'))).toBe('up')
    expect(statusOf(probingAfterSet(down, changed(down.source, node('a', { address: 'c:1' }))).state)).toBe('up')
    const out = probingAfterSet(down, changed(down.source, node('a', { status: 'draining' }))).state
    expect([statusOf(out), statusOf(probingAfterSet(out, down.source).state)]).toEqual(['draining', 'up'])
    const doubted = checked(begun(down.source), 'a', '--')
    expect(statusOf(checked(probingAfterSet(doubted, changed(down.source, node('a', { weight: 2 }))).state, 'a', '-'))).toBe('down')
    expect(statusOf(checked(probingAfterSet(doubted, changed(down.source, node('a', { address: 'c:1' }))).state, 'a', '-'))).toBe('up')
  })

  it('takes the state of each new set, and keeps the instances map while no instance changed', () => {
    const down = checked(begun(serviceSet('web', [node('a')], { held: new Set(['a']) })), 'a', '---')
    const trouble = { error: new Error('away'), since: 1, attempt: 1, retryAt: 2 }
    const { result } = probingAfterSet(down, withState(down.source, { status: 'stale', trouble })).state
    expect([result.status, result.trouble, [...result.held], instancesOf(result) === instancesOf(down.result)]).toEqual(['stale', trouble, ['a'], true])
  })

  it('costs what differs: with one of 10,000 instances down and one changed, the maps share all other nodes', () => {
    const set = serviceSet('web', Array.from({ length: 10_000 }, (_, at) => node(`n${at}`)))
    const down = checked(begun(set), 'n7', '---')
    const next = probingAfterSet(down, changed(set, node('n5000', { weight: 2 })))
    expect([next.started, next.stopped]).toEqual([[], []])
    expect(SortedMap.difference(instancesOf(down.result), instancesOf(next.state.result)).map(({ key }) => key)).toEqual(['n5000'])
    expect(SortedMap.difference(instancesOf(next.state.source), instancesOf(next.state.result)).map(({ key }) => key)).toEqual(['n7'])
  })
})

describe('sets and results of checks in any order', () => {
  const ids = ['a', 'b', 'c']
  const sets = fc.record({
    id: fc.constantFrom(...ids),
    more: fc.option(fc.record({ status: fc.constantFrom<Status>('up', 'up', 'up', 'draining', 'down'), address: fc.constantFrom('x:1', 'x:1', 'y:1'), weight: fc.nat(2) }), { nil: undefined }),
  })
  const results = fc.record({ id: fc.constantFrom(...ids), passed: fc.boolean() })
  const limits = fc.record({ rise: fc.integer({ min: 1, max: 3 }), fall: fc.integer({ min: 1, max: 3 }) })

  it('show each instance as the registry has it, or as down from its last `fall` failures to its next `rise` passes', () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(sets, results), { maxLength: 80 }), limits, (steps, limit) => {
        let state = begun(serviceSet('web'))
        // The model: all results since the instance came, as text, evaluated from the start each time.
        const history = new Map<string, string>()
        const isDown = (text: string): boolean => {
          let [down, rest] = [false, text]
          for (let at = rest.indexOf('-'.repeat(limit.fall)); at >= 0; at = rest.indexOf((down ? '+' : '-').repeat(down ? limit.rise : limit.fall))) {
            rest = rest.slice(at + (down ? limit.rise : limit.fall))
            down = !down
          }
          return down
        }
        for (const step of steps) {
          const before = state
          if ('passed' in step) {
            if (state.source.get(step.id)?.status === 'up') history.set(step.id, (history.get(step.id) ?? '') + (step.passed ? '+' : '-'))
            state = probingAfterCheck(state, step.id, step.passed, limit)
          } else {
            const [was, is] = [state.source.get(step.id), step.more && node(step.id, step.more)]
            if (is?.status !== 'up' || was?.status !== 'up' || was.address !== is.address) history.delete(step.id)
            const map = instancesOf(state.source)
            state = probingAfterSet(state, withInstances(state.source, is === undefined ? map.delete(step.id) : map.set(step.id, is))).state
          }
          expect(state.result.toArray()).toEqual(
            state.source.toArray().map(one => (one.status === 'up' && isDown(history.get(one.id) ?? '') ? { ...one, status: 'down' } : one)),
          )
          for (const one of state.result)
            if (one.id !== step.id) expect(one).toBe(before.result.get(one.id))
        }
      }),
      { numRuns: 300 },
    )
  })
})
