import { merged, unmerged, type Merged } from './merge.js'
import { emptyContent, pendingSet, serviceSetOf, type ServiceSet, type SetContent, type SetState } from './service-set.js'
import { SortedMap } from '../sorted-map/sorted-map.js'

/** All services in one format: their instances and their sets, by service. */
export interface Catalog<M> {
  readonly sets: SortedMap<ServiceSet<M>>
  readonly services: SortedMap<SetContent<M>>
  /** The state of the services that it does not contain. */
  readonly state: SetState
}

/** The catalog before anything has been read, with these services. */
export const pendingCatalog = <M>(services: readonly string[] = []): Catalog<M> => ({
  sets: SortedMap.from(services.map(service => [service, pendingSet<M>(service)])),
  services: SortedMap.empty(),
  state: { status: 'pending', revision: 0, asOf: 0 },
})

/** The catalog after the next listing or event. While status and trouble stay the same, services that did not change keep their set (`===`). */
export const nextCatalog = <M>(previous: Catalog<M> | undefined, services: SortedMap<SetContent<M>>, state: SetState): Catalog<M> => {
  const same = previous?.state.status === state.status && previous.state.trouble === state.trouble
  const [from, sets] = same ? [previous.services, previous.sets] : [SortedMap.empty<SetContent<M>>(), SortedMap.empty<ServiceSet<M>>()]
  const next = SortedMap.difference(from, services).reduce(
    (map, { key, after }) => (after === undefined ? map.delete(key) : map.set(key, serviceSetOf(after, state))),
    sets,
  )
  return { sets: next, services, state }
}

/** The set of one service; an empty set if the catalog does not contain the service. */
const setOf = <M>({ sets, state }: Catalog<M>, service: string): ServiceSet<M> =>
  sets.get(service) ?? serviceSetOf(emptyContent(service), state)

/** The catalogs of several formats, in order of precedence, and the sets that result, by service. */
export interface MergedCatalog<M> {
  readonly catalogs: readonly Catalog<M>[]
  readonly merges: SortedMap<Merged<M>>
  readonly sets: SortedMap<ServiceSet<M>>
}

/** The state before the first catalog of any format. */
export const unmergedCatalog = <M>(formats: number): MergedCatalog<M> => ({
  catalogs: Array.from({ length: formats }, () => pendingCatalog<M>()),
  merges: SortedMap.empty(),
  sets: SortedMap.empty(),
})

/** The state after one format's next catalog, without the services that no format contains any more. */
export const mergedCatalog = <M>(previous: MergedCatalog<M>, format: number, catalog: Catalog<M>): MergedCatalog<M> => {
  const catalogs = previous.catalogs.map((other, at) => (at === format ? catalog : other))
  const before = previous.catalogs[format]
  const changed = SortedMap.difference(before?.sets ?? SortedMap.empty<ServiceSet<M>>(), catalog.sets).map(({ key }) => key)
  const stateChanged = before?.state.status !== catalog.state.status || before.state.trouble !== catalog.state.trouble
  const touched = stateChanged ? new Set([...changed, ...previous.merges.keys()]) : changed
  let { merges, sets } = previous
  for (const service of touched) {
    if (!catalogs.some(each => each.sets.has(service))) {
      merges = merges.delete(service)
      sets = sets.delete(service)
      continue
    }
    const last = merges.get(service)
    const merge =
      last === undefined
        ? catalogs.reduce((state, each, at) => merged(state, at, setOf(each, service)), unmerged<M>(service, catalogs.length))
        : merged(last, format, setOf(catalog, service))
    merges = merges.set(service, merge)
    sets = sets.set(service, merge.result)
  }
  return { catalogs, merges, sets }
}
