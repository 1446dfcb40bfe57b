import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { mergedCatalog, nextCatalog, unmergedCatalog, type Catalog } from '../../../src/core/sets/catalog.js'
import { serviceInstance, type ServiceInstance } from '../../../src/core/instance/instance.js'
import type { ServiceSet, SetContent, SetState, Trouble } from '../../../src/core/sets/service-set.js'
import { SortedMap } from '../../../src/core/sorted-map/sorted-map.js'

type Services = SortedMap<SetContent<unknown>>

const names = ['cache', 'db', 'web'] as const
const rosterOf = (service: string, nodes: readonly (readonly [id: string, host: string])[], bad = false): SetContent<unknown> => ({
  service,
  instances: SortedMap.by(nodes.map(([id, host]) => serviceInstance({ service, id, address: `${host}:80` })), ({ id }) => id),
  rejected: SortedMap.from(bad ? [[`/${service}/bad`, { key: `/${service}/bad`, reason: 'unreadable' }]] : []),
})
const servicesOf = (...rosters: readonly SetContent<unknown>[]): Services => SortedMap.by(rosters, ({ service }) => service)

const live = (revision: number): SetState => ({ status: 'live', revision, asOf: revision * 10, trouble: undefined })
const trouble: Trouble = { error: new Error('away'), since: 1, attempt: 1, retryAt: 2 }
const troubles: readonly Trouble[] = [trouble, { ...trouble, attempt: 2 }]

const idsOf = (instances: Iterable<ServiceInstance>): string[] => Array.from(instances, ({ id, address }) => `${id}@${address}`)
const shown = (set: ServiceSet): unknown => [set.service, set.status, set.trouble, idsOf(set), [...set.rejected.keys()]]
const shownAll = (sets: Iterable<readonly [string, ServiceSet]>): unknown => Array.from(sets, ([name, set]) => [name, shown(set)])

const roster = (service: string) =>
  fc
    .tuple(fc.uniqueArray(fc.tuple(fc.constantFrom('a', 'b', 'c'), fc.constantFrom('x', 'y', 'z')), { selector: ([id]) => id, maxLength: 3 }), fc.boolean())
    .map(([nodes, bad]) => rosterOf(service, nodes, bad))
const condition = fc.oneof(
  { weight: 4, arbitrary: fc.constant({ status: 'live' as const, trouble: undefined }) },
  { weight: 1, arbitrary: fc.constantFrom(...troubles).map(each => ({ status: 'stale' as const, trouble: each })) },
)
/** One step of a catalog: some services change, some disappear, and it becomes live or stale. */
const steps = fc.array(
  fc.record({
    format: fc.nat({ max: 1 }),
    changed: fc.array(fc.oneof(...names.map(roster)), { maxLength: 2 }),
    gone: fc.array(fc.constantFrom(...names), { maxLength: 1 }),
    condition,
  }),
  { maxLength: 15 },
)
type Step = typeof steps extends fc.Arbitrary<readonly (infer S)[]> ? S : never

const stepped = (previous: Catalog<unknown> | undefined, { changed, gone, condition: { status, trouble: why } }: Step, revision: number): Catalog<unknown> => {
  const before = previous?.services ?? SortedMap.empty<SetContent<unknown>>()
  const kept = gone.reduce<Services>((map, service) => map.delete(service), before)
  const services = changed.reduce((map, each) => map.set(each.service, each), kept)
  return nextCatalog(previous, services, { status, trouble: why, revision, asOf: revision * 10 })
}

describe('the sets of a catalog', () => {
  const [web, db] = [rosterOf('web', [['a', 'x']]), rosterOf('db', [['d', 'y']])]

  it('are new only for services that changed', () => {
    const before = nextCatalog(undefined, servicesOf(web, db), live(1))
    const after = nextCatalog(before, servicesOf(web, rosterOf('db', [])), live(2))
    expect(after.sets.get('web')).toBe(before.sets.get('web'))
    expect([after.sets.get('db')?.size, after.sets.get('db')?.revision, after.sets.get('web')?.revision]).toEqual([0, 2, 1])
  })

  it('are all new when the status changes, and at every attempt', () => {
    const one = nextCatalog(undefined, servicesOf(web, db), live(1))
    const two = nextCatalog(one, one.services, { status: 'stale', revision: 1, asOf: 10, trouble })
    const three = nextCatalog(two, one.services, { status: 'stale', revision: 1, asOf: 10, trouble: { ...trouble, attempt: 2 } })
    const four = nextCatalog(three, one.services, live(3))
    const of = ({ sets }: Catalog<unknown>): unknown[] => sets.toArray().map(({ status, trouble: why, revision }) => `${status} ${why?.attempt ?? 0} ${revision}`)
    expect([one, two, three, four].map(of)).toEqual([['live 0 1', 'live 0 1'], ['stale 1 1', 'stale 1 1'], ['stale 2 1', 'stale 2 1'], ['live 0 3', 'live 0 3']])
    expect(four.sets.get('web')?.get('a')).toBe(one.sets.get('web')?.get('a'))
  })

  it('have the last content of each service, whatever came before', () => {
    fc.assert(
      fc.property(steps, all => {
        let catalog: Catalog<unknown> | undefined
        all.forEach((step, at) => {
          const previous = catalog
          catalog = stepped(previous, step, at + 1)
          const { services, sets } = catalog
          const { status, trouble: why } = step.condition
          expect(shownAll(sets)).toEqual(
            Array.from(services, ([name, { instances, rejected }]) => [name, [name, status, why, idsOf(instances.values()), [...rejected.keys()]]]),
          )
          if (previous?.state.status !== status || previous.state.trouble !== why) return
          for (const [name, each] of services) if (previous.services.get(name) === each) expect(sets.get(name)).toBe(previous.sets.get(name))
        })
      }),
      { numRuns: 300 },
    )
  })
})

describe('the catalogs of two formats', () => {
  /** The model: the sets of both formats, merged from scratch. */
  const naive = (catalogs: readonly (Catalog<unknown> | undefined)[]): unknown => {
    const present = names.filter(name => catalogs.some(catalog => catalog?.sets.has(name)))
    return present.map(name => {
      const sets = catalogs.map(catalog => catalog?.sets.get(name))
      const states = catalogs.map(catalog => catalog?.state.status ?? 'pending')
      const status = states.includes('pending') ? 'pending' : states.includes('stale') ? 'stale' : 'live'
      const instances = sets.reduce<readonly ServiceInstance[]>(
        (all, set) => [...all, ...(set?.toArray() ?? []).filter(one => !all.some(({ id, address }) => id === one.id || address === one.address))],
        [],
      )
      const why = catalogs.map(catalog => catalog?.state.trouble).find(each => each !== undefined)
      const rejected = new Set(sets.flatMap(set => [...(set?.rejected.keys() ?? [])]))
      return [name, [name, status, why, idsOf(instances).sort(), [...rejected]]]
    })
  }

  it('equal the model, in whatever order the catalogs come', () => {
    fc.assert(
      fc.property(steps, all => {
        const catalogs: (Catalog<unknown> | undefined)[] = [undefined, undefined]
        let state = unmergedCatalog<unknown>(2)
        const revisions = new Map<string, number>()
        all.forEach((step, at) => {
          const { format } = step
          const before = catalogs[format]
          const next = stepped(before, step, at + 1)
          const other = state
          catalogs[format] = next
          state = mergedCatalog(state, format, next)
          expect(shownAll(state.sets)).toEqual(naive(catalogs))
          for (const [name, { revision }] of state.sets) {
            expect(revision).toBeGreaterThanOrEqual(revisions.get(name) ?? 0)
            revisions.set(name, revision)
            // If neither the service nor the state of its format changed, the set stays the same.
            const stateChanged = before?.state.status !== next.state.status || before.state.trouble !== next.state.trouble
            if (!stateChanged && before.sets.get(name) === next.sets.get(name)) expect(state.sets.get(name)).toBe(other.sets.get(name))
          }
        })
      }),
      { numRuns: 300 },
    )
  })
})
