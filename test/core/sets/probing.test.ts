import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { serviceInstance, serviceSet, type ServiceInstance, type ServiceSet, type Status } from '../../../src/index.js'
import { asRegistered, judged, observed, unprobed, type Probing, type Thresholds } from '../../../src/core/sets/probing.js'
import { instancesOf, withInstances, withState } from '../../../src/core/sets/service-set.js'
import { SortedMap } from '../../../src/core/sorted-map/sorted-map.js'

const thresholds: Thresholds = { rise: 2, fall: 3 }
const node = (id: string, more: Partial<ServiceInstance> = {}): ServiceInstance => serviceInstance({ service: 'web', id, address: `${id}:80`, ...more })
const begun = (set: ServiceSet): Probing<unknown> => observed(unprobed(), set).state
const told = (state: Probing<unknown>, id: string, verdicts: string): Probing<unknown> =>
  Array.from(verdicts).reduce((next, verdict) => judged(next, id, verdict === '+', thresholds), state)
const statusOf = (state: Probing<unknown>, id = 'a'): Status | undefined => state.result.get(id)?.status
const changed = (set: ServiceSet, instance: ServiceInstance): ServiceSet => withInstances(set, instancesOf(set).set(instance.id, instance))

describe('judged', () => {
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
  ])('with fall 3 and rise 2, %j leaves it %s', (verdicts, status) => {
    expect(statusOf(told(begun(serviceSet('web', [node('a')])), 'a', verdicts))).toBe(status)
  })

  it('is the same state while a verdict says what is believed, and the same result while nothing flips', () => {
    const state = begun(serviceSet('web', [node('a')]))
    expect(told(state, 'a', '+++')).toBe(state)
    expect(told(state, 'a', '--').result).toBe(state.result)
    const down = told(state, 'a', '---')
    expect(told(down, 'a', '--')).toBe(down)
  })

  it('says nothing of who is not there or not up', () => {
    const state = begun(serviceSet('web', [node('a', { status: 'draining' })]))
    expect([told(state, 'a', '-----'), told(state, 'b', '-----')]).toEqual([state, state])
  })

  it('gives back the very instance, and the very set when everybody is well again', () => {
    const set = serviceSet('web', [node('a'), node('b')])
    const down = told(begun(set), 'a', '---')
    expect(down.result.get('a')).toEqual({ ...set.get('a'), status: 'down' })
    expect([Object.isFrozen(down.result.get('a')), down.result.get('b') === set.get('b'), set.get('a')?.status]).toEqual([true, true, 'up'])
    expect(told(told(down, 'b', '---'), 'a', '++').result.get('a')).toBe(set.get('a'))
    expect(told(down, 'a', '++').result).toBe(set)
  })

  it('marks what is as registered otherwise', () => {
    const set = serviceSet('web', [node('a'), node('b', { status: 'down' })])
    const all = told(begun(set), 'a', '---').result.toArray()
    expect(all.map(({ status }) => status)).toEqual(['down', 'down'])
    expect(all.map(asRegistered)).toEqual(set.toArray())
    expect(all.map(instance => asRegistered(instance) === set.get(instance.id))).toEqual([true, true])
  })
})

describe('observed', () => {
  it('renews who comes, comes back or moves, and ends who goes or is no longer up', () => {
    const step = (before: ServiceInstance | undefined, after: ServiceInstance | undefined): readonly (readonly string[])[] => {
      const of = (instance: ServiceInstance | undefined): ServiceSet => serviceSet('web', instance === undefined ? [] : [instance])
      const { renewed, ended } = observed(begun(of(before)), of(after))
      return [renewed, ended]
    }
    const [renewed, ended, neither] = [[['a'], []], [[], ['a']], [[], []]]
    expect(step(undefined, node('a'))).toEqual(renewed)
    expect(step(node('a'), node('a', { address: 'b:1' }))).toEqual(renewed)
    expect(step(node('a'), node('a', { endpoints: { http: 'http://b:1' } }))).toEqual(renewed)
    expect(step(node('a', { status: 'down' }), node('a'))).toEqual(renewed)
    expect(step(node('a'), node('a', { weight: 3, tags: ['x'], metadata: { rack: 1 } }))).toEqual(neither)
    expect(step(node('a', { endpoints: { http: 'x' } }), node('a', { endpoints: { http: 'x' }, version: '2' }))).toEqual(neither)
    for (const status of ['starting', 'draining', 'down'] as const) {
      expect(step(node('a'), node('a', { status }))).toEqual(ended)
      expect(step(node('a', { status }), node('a', { status, version: '2' }))).toEqual(neither)
      expect(step(undefined, node('a', { status }))).toEqual(neither)
    }
    expect(step(node('a'), undefined)).toEqual(ended)
    expect(step(node('a', { status: 'down' }), undefined)).toEqual(neither)
  })

  it('keeps verdicts while it stays, with what changed beside, and forgets them when it moves or the registry takes it out', () => {
    const down = told(begun(serviceSet('web', [node('a'), node('b')])), 'a', '---')
    const heavier = observed(down, changed(down.source, node('a', { weight: 7 }))).state
    expect(heavier.result.get('a')).toEqual({ ...node('a', { weight: 7 }), status: 'down' })
    expect(statusOf(told(heavier, 'a', '++'))).toBe('up')
    expect(statusOf(observed(down, changed(down.source, node('a', { address: 'c:1' }))).state)).toBe('up')
    const out = observed(down, changed(down.source, node('a', { status: 'draining' }))).state
    expect([statusOf(out), statusOf(observed(out, down.source).state)]).toEqual(['draining', 'up'])
    const doubted = told(begun(down.source), 'a', '--')
    expect(statusOf(told(observed(doubted, changed(down.source, node('a', { weight: 2 }))).state, 'a', '-'))).toBe('down')
    expect(statusOf(told(observed(doubted, changed(down.source, node('a', { address: 'c:1' }))).state, 'a', '-'))).toBe('up')
  })

  it('shows the state of each new set, with the same map while no instance changed', () => {
    const down = told(begun(serviceSet('web', [node('a')], { held: new Set(['a']) })), 'a', '---')
    const trouble = { error: new Error('away'), since: 1, attempt: 1, retryAt: 2 }
    const { result } = observed(down, withState(down.source, { status: 'stale', trouble })).state
    expect([result.status, result.trouble, [...result.held], instancesOf(result) === instancesOf(down.result)]).toEqual(['stale', trouble, ['a'], true])
  })

  it('costs what differs: of 10,000, one down and one changed, the maps share all else', () => {
    const set = serviceSet('web', Array.from({ length: 10_000 }, (_, at) => node(`n${at}`)))
    const down = told(begun(set), 'n7', '---')
    const next = observed(down, changed(set, node('n5000', { weight: 2 })))
    expect([next.renewed, next.ended]).toEqual([[], []])
    expect(SortedMap.difference(instancesOf(down.result), instancesOf(next.state.result)).map(({ key }) => key)).toEqual(['n5000'])
    expect(SortedMap.difference(instancesOf(next.state.source), instancesOf(next.state.result)).map(({ key }) => key)).toEqual(['n7'])
  })
})

describe('sets and verdicts in any order', () => {
  const ids = ['a', 'b', 'c']
  const sets = fc.record({
    id: fc.constantFrom(...ids),
    more: fc.option(fc.record({ status: fc.constantFrom<Status>('up', 'up', 'up', 'draining', 'down'), address: fc.constantFrom('x:1', 'x:1', 'y:1'), weight: fc.nat(2) }), { nil: undefined }),
  })
  const verdicts = fc.record({ id: fc.constantFrom(...ids), passed: fc.boolean() })
  const limits = fc.record({ rise: fc.integer({ min: 1, max: 3 }), fall: fc.integer({ min: 1, max: 3 }) })

  it('show each instance as the registry does, but down after its last `fall` failures and before its last `rise` passes', () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(sets, verdicts), { maxLength: 80 }), limits, (steps, limit) => {
        let state = begun(serviceSet('web'))
        // the model: what has been heard since it came, as text, read from the beginning each time
        const heard = new Map<string, string>()
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
            if (state.source.get(step.id)?.status === 'up') heard.set(step.id, (heard.get(step.id) ?? '') + (step.passed ? '+' : '-'))
            state = judged(state, step.id, step.passed, limit)
          } else {
            const [was, is] = [state.source.get(step.id), step.more && node(step.id, step.more)]
            if (is?.status !== 'up' || was?.status !== 'up' || was.address !== is.address) heard.delete(step.id)
            const map = instancesOf(state.source)
            state = observed(state, withInstances(state.source, is === undefined ? map.delete(step.id) : map.set(step.id, is))).state
          }
          expect(state.result.toArray()).toEqual(
            state.source.toArray().map(one => (one.status === 'up' && isDown(heard.get(one.id) ?? '') ? { ...one, status: 'down' } : one)),
          )
          for (const one of state.result)
            if (one.id !== step.id) expect(one).toBe(before.result.get(one.id))
        }
      }),
      { numRuns: 300 },
    )
  })
})
