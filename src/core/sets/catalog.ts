import { merged, unmerged, type Merged } from './merge.js'
import { serviceSetOf, type ServiceSet, type SetContent, type SetState } from './service-set.js'
import { SortedMap } from '../sorted-map/sorted-map.js'

/** Several services as one format tells them. */
export interface Catalog<M> {
  readonly sets: SortedMap<ServiceSet<M>>
  readonly services: SortedMap<SetContent<M>>
  readonly state: SetState
}

/** The next sets of all services; while the status stays, only those that changed are new. */
export const nextCatalog = <M>(previous: Catalog<M> | undefined, services: SortedMap<SetContent<M>>, state: SetState): Catalog<M> => {
  const same = previous?.state.status === state.status && previous.state.trouble === state.trouble
  const [from, sets] = same ? [previous.services, previous.sets] : [SortedMap.empty<SetContent<M>>(), SortedMap.empty<ServiceSet<M>>()]
  const next = SortedMap.difference(from, services).reduce(
    (map, { key, after }) => (after === undefined ? map.delete(key) : map.set(key, serviceSetOf(after, state))),
    sets,
  )
  return { sets: next, services, state }
}

/** One service of a catalog; without instances when it is not in it. */
const setOf = <M>({ sets, state }: Catalog<M>, service: string): ServiceSet<M> =>
  sets.get(service) ?? serviceSetOf({ service, instances: SortedMap.empty(), rejected: SortedMap.empty() }, state)

/** The catalogs of several formats, in order of precedence, and the sets that result. */
export interface MergedCatalog<M> {
  readonly catalogs: readonly Catalog<M>[]
  readonly merges: SortedMap<Merged<M>>
  readonly sets: SortedMap<ServiceSet<M>>
}

/** Several formats, before any of them is known. */
export const unmergedCatalog = <M>(formats: number): MergedCatalog<M> => {
  const unknown: Catalog<M> = { sets: SortedMap.empty(), services: SortedMap.empty(), state: { status: 'pending', revision: 0, asOf: 0 } }
  return { catalogs: Array.from({ length: formats }, () => unknown), merges: SortedMap.empty(), sets: SortedMap.empty() }
}

/** The merger after one format's next catalog; a service that no format tells of any more leaves it. */
export const mergedCatalog = <M>(previous: MergedCatalog<M>, format: number, catalog: Catalog<M>): MergedCatalog<M> => {
  const catalogs = previous.catalogs.map((other, at) => (at === format ? catalog : other))
  const before = previous.catalogs[format]
  const changed = SortedMap.difference(before?.sets ?? SortedMap.empty<ServiceSet<M>>(), catalog.sets).map(({ key }) => key)
  const moved = before?.state.status !== catalog.state.status || before.state.trouble !== catalog.state.trouble
  const touched = moved ? new Set([...changed, ...previous.merges.keys()]) : changed
  let { merges, sets } = previous
  for (const service of touched) {
    if (!catalogs.some(each => each.sets.has(service))) {
      merges = merges.delete(service)
      sets = sets.delete(service)
      continue
    }
    const known = merges.get(service)
    const merge =
      known === undefined
        ? catalogs.reduce((state, each, at) => merged(state, at, setOf(each, service)), unmerged<M>(service, catalogs.length))
        : merged(known, format, setOf(catalog, service))
    merges = merges.set(service, merge)
    sets = sets.set(service, merge.result)
  }
  return { catalogs, merges, sets }
}
