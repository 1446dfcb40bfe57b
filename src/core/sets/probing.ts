import { type ServiceInstance } from '../instance/instance.js'
import { sameValue } from '../instance/json.js'
import { instancesOf, pendingSet, type ServiceSet, withInstances } from './service-set.js'
import { SortedMap } from '../sorted-map/sorted-map.js'

/** After how many verdicts in a row a down instance is up again, and an up one down. */
export interface Thresholds {
  readonly rise: number
  readonly fall: number
}

/** A set, what checks have said of its up instances, and the set that results. */
export interface Probing<M> {
  readonly source: ServiceSet<M>
  /** How many verdicts in a row contradict what is believed, by id; those of whom none does are absent. */
  readonly contrary: SortedMap<number>
  /** Those that checks took down, as they are shown. */
  readonly down: SortedMap<ServiceInstance<M>>
  readonly result: ServiceSet<M>
}

/** Before the first set. */
export const unprobed = <M>(): Probing<M> => ({ source: pendingSet(''), contrary: SortedMap.empty(), down: SortedMap.empty(), result: pendingSet('') })

const originals = new WeakMap<ServiceInstance, ServiceInstance>()

const takenDown = <M>(instance: ServiceInstance<M>): ServiceInstance<M> => {
  const shown = Object.freeze({ ...instance, status: 'down' as const })
  originals.set(shown, instance)
  return shown
}

/** The instance as its registry tells it, whether or not checks took it down. */
export const asRegistered = <M>(instance: ServiceInstance<M>): ServiceInstance<M> => (originals.get(instance) as ServiceInstance<M> | undefined) ?? instance

const isUp = (instance: ServiceInstance | undefined): boolean => instance?.status === 'up'

const samePlace = (a: ServiceInstance, b: ServiceInstance): boolean => a.address === b.address && sameValue(a.endpoints, b.endpoints)

/** A step of {@link Probing}: whom to check from now on as if unknown, and whom no longer. */
export interface Observed<M> {
  readonly state: Probing<M>
  readonly renewed: readonly string[]
  readonly ended: readonly string[]
}

/**
 * The state after a new set, at the cost of what differs. What checks have said lasts for as long as an instance is up at one place; whoever comes,
 * comes back or moves is believed until checks contradict.
 */
export const observed = <M>(before: Probing<M>, source: ServiceSet<M>): Observed<M> => {
  const renewed: string[] = []
  const ended: string[] = []
  let { contrary, down } = before
  let shown = instancesOf(before.result)
  for (const { key, before: was, after: is } of SortedMap.difference(instancesOf(before.source), instancesOf(source))) {
    const stays = was !== undefined && is !== undefined && isUp(was) && isUp(is) && samePlace(was, is)
    if (!stays) {
      contrary = contrary.delete(key)
      down = down.delete(key)
      if (isUp(is)) renewed.push(key)
      else if (isUp(was)) ended.push(key)
    } else if (down.has(key)) down = down.set(key, takenDown(is))
    if (before.down.size > 0) shown = is === undefined ? shown.delete(key) : shown.set(key, down.get(key) ?? is)
  }
  const result = down.size === 0 ? source : withInstances(source, shown)
  return { state: { source, contrary, down, result }, renewed, ended }
}

/** The state after a check of an up instance has passed or failed. */
export const judged = <M>(before: Probing<M>, id: string, passed: boolean, { rise, fall }: Thresholds): Probing<M> => {
  const instance = before.source.get(id)
  if (instance === undefined || !isUp(instance)) return before
  const believed = !before.down.has(id)
  if (passed === believed) return before.contrary.has(id) ? { ...before, contrary: before.contrary.delete(id) } : before
  const verdicts = (before.contrary.get(id) ?? 0) + 1
  if (verdicts < (believed ? fall : rise)) return { ...before, contrary: before.contrary.set(id, verdicts) }
  const shown = believed ? takenDown(instance) : instance
  const down = believed ? before.down.set(id, shown) : before.down.delete(id)
  const result = down.size === 0 ? before.source : withInstances(before.source, instancesOf(before.result).set(id, shown))
  return { ...before, contrary: before.contrary.delete(id), down, result }
}
