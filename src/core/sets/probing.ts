import type { ServiceInstance } from '../instance/instance.js'
import { sameValue } from '../instance/json.js'
import { SortedMap } from '../sorted-map/sorted-map.js'
import { instancesOf, pendingSet, type ServiceSet, withInstances } from './service-set.js'

/** How many checks in a row must pass until a down instance is up again, and how many must fail until an up one is down. */
export interface Thresholds {
  readonly rise: number
  readonly fall: number
}

/** The state of `probe`: the last set of the source, the results of checks, and the set that results. */
export interface Probing<M> {
  readonly source: ServiceSet<M>
  /** By id, how many of the latest checks in a row contradict the shown status; absent if none does. */
  readonly contrary: SortedMap<number>
  /** The instances that failed checks took down, with status `down`. */
  readonly down: SortedMap<ServiceInstance<M>>
  readonly result: ServiceSet<M>
}

/** The state before the first set. */
export const initialProbing = <M>(): Probing<M> => ({ source: pendingSet(''), contrary: SortedMap.empty(), down: SortedMap.empty(), result: pendingSet('') })

const originals = new WeakMap<ServiceInstance, ServiceInstance>()

const takenDown = <M>(instance: ServiceInstance<M>): ServiceInstance<M> => {
  const shown = Object.freeze({ ...instance, status: 'down' as const })
  originals.set(shown, instance)
  return shown
}

/** The instance as its registry has it: undoes `down` if failed checks have set it, else returns the instance itself. */
export const asRegistered = <M>(instance: ServiceInstance<M>): ServiceInstance<M> => (originals.get(instance) as ServiceInstance<M> | undefined) ?? instance

const isUp = (instance: ServiceInstance | undefined): boolean => instance?.status === 'up'

const sameEndpoints = (a: ServiceInstance, b: ServiceInstance): boolean => a.address === b.address && sameValue(a.endpoints, b.endpoints)

/** The next state, the ids whose checks begin (again) from scratch, and the ids whose checks end. */
export interface ProbingAfterSet<M> {
  readonly state: Probing<M>
  readonly started: readonly string[]
  readonly stopped: readonly string[]
}

/**
 * The state after the source's next set; the cost is proportional to what differs. The results of checks count as long as an instance stays up at the
 * same address and endpoints. An instance that is new, comes back or moves is shown as registered until checks contradict.
 */
export const probingAfterSet = <M>(before: Probing<M>, source: ServiceSet<M>): ProbingAfterSet<M> => {
  const started: string[] = []
  const stopped: string[] = []
  let { contrary, down } = before
  let shown = instancesOf(before.result)
  for (const { key, before: was, after: is } of SortedMap.difference(instancesOf(before.source), instancesOf(source))) {
    const stays = was !== undefined && is !== undefined && isUp(was) && isUp(is) && sameEndpoints(was, is)
    if (!stays) {
      contrary = contrary.delete(key)
      down = down.delete(key)
      if (isUp(is)) started.push(key)
      else if (isUp(was)) stopped.push(key)
    } else if (down.has(key)) down = down.set(key, takenDown(is))
    if (before.down.size > 0) shown = is === undefined ? shown.delete(key) : shown.set(key, down.get(key) ?? is)
  }
  const result = down.size === 0 ? source : withInstances(source, shown)
  return { state: { source, contrary, down, result }, started, stopped }
}

/** The state after one check of an instance has passed or failed. Returns `before` itself if the instance is not up or not in the set. */
export const probingAfterCheck = <M>(before: Probing<M>, id: string, passed: boolean, { rise, fall }: Thresholds): Probing<M> => {
  const instance = before.source.get(id)
  if (instance === undefined || !isUp(instance)) return before
  const shownUp = !before.down.has(id)
  if (passed === shownUp) return before.contrary.has(id) ? { ...before, contrary: before.contrary.delete(id) } : before
  const count = (before.contrary.get(id) ?? 0) + 1
  if (count < (shownUp ? fall : rise)) return { ...before, contrary: before.contrary.set(id, count) }
  const shown = shownUp ? takenDown(instance) : instance
  const down = shownUp ? before.down.set(id, shown) : before.down.delete(id)
  const result = down.size === 0 ? before.source : withInstances(before.source, instancesOf(before.result).set(id, shown))
  return { ...before, contrary: before.contrary.delete(id), down, result }
}
