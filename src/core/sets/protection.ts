import { type Tombstones, nobody, withAbsent, without, withoutExpired, withoutFirst } from './tombstones.js'
import type { ServiceInstance } from '../instance/instance.js'
import { KeySet } from '../sorted-map/key-set.js'
import { instancesOf, pendingSet, type ServiceSet, withInstances } from './service-set.js'
import { type Difference, SortedMap } from '../sorted-map/sorted-map.js'

/** How long one who vanished may be held, ms, and which share of a set may vanish within that time unquestioned. */
export interface Guard {
  readonly grace: number
  readonly maxLoss: number
}

/** A set under protection: what its source said last, what is shown of it, and who vanished within `grace`. */
export interface Protection<M> {
  readonly source: ServiceSet<M>
  readonly result: ServiceSet<M>
  /** How many instances of the source do not say that they are leaving. */
  readonly staying: number
  /** Those who vanished and were let go. */
  readonly gone: Tombstones<M>
  /** Those who vanished and are shown still. */
  readonly held: Tombstones<M>
}

type Differences<M> = readonly Difference<ServiceInstance<M>>[]

/** A service of which nothing was shown yet. */
export const unprotected = <M>(service: string): Protection<M> => {
  const nothing = pendingSet<M>(service)
  return { source: nothing, result: nothing, staying: 0, gone: nobody(), held: nobody() }
}

/** Who is draining or down leaves on purpose. */
const stays = (instance: ServiceInstance | undefined): boolean => instance?.status === 'up' || instance?.status === 'starting'

/** How many of `total` may vanish unquestioned: a share, but always one (as in gRFC A50), unless the share is 0. */
const allowance = (total: number, maxLoss: number): number => (maxLoss === 0 ? 0 : Math.max(1, Math.floor(total * maxLoss + 1e-9)))

/** Every `all.length / count`-th, so that none of the id ranges that share a prefix (a zone, a host) goes as a whole. */
const spread = (count: number, { length }: readonly unknown[]) => (_: unknown, index: number): boolean =>
  Math.floor(((index + 1) * count) / length) > Math.floor((index * count) / length)

const shown = <M>(before: Protection<M>, source: ServiceSet<M>, held: Tombstones<M>, differences: Differences<M>): ServiceSet<M> => {
  if (held.byId.size === 0) return source
  const released = SortedMap.difference(before.held.byId, held.byId).reduce(
    (map, { key, after }) => (after === undefined ? map.delete(key) : map),
    instancesOf(before.result),
  )
  const instances = differences.reduce(
    (map, { key, after }) => (after !== undefined ? map.set(key, after) : held.byId.has(key) ? map : map.delete(key)),
    released,
  )
  const own = new KeySet(held.byId)
  return withInstances(source, instances, source.held.size === 0 ? own : new Set([...source.held, ...own]))
}

/** Without those who vanished `grace` ms ago or earlier; the same (`===`) if there are none. */
export const aged = <M>(protection: Protection<M>, now: number, { grace }: Guard): Protection<M> => {
  const gone = withoutExpired(protection.gone, now, grace)
  const held = withoutExpired(protection.held, now, grace)
  if (held !== protection.held) return { ...protection, gone, held, result: shown(protection, protection.source, held, []) }
  return gone === protection.gone ? protection : { ...protection, gone }
}

/**
 * The protection after the source's next set. It never shows fewer than there would be had nobody vanished within `grace`, less the allowance:
 * who vanishes beyond that is held. Who comes back is neither gone nor held; who is new takes the place of the one who vanished first.
 */
export const judged = <M>(previous: Protection<M>, source: ServiceSet<M>, now: number, guard: Guard): Protection<M> => {
  const before = previous.source.service === source.service ? aged(previous, now, guard) : unprotected<M>(source.service)
  const differences = SortedMap.difference(instancesOf(before.source), instancesOf(source))
  let { staying } = before
  let strangers = 0
  const returned: string[] = []
  const vanished: ServiceInstance<M>[] = []
  for (const { key, before: was, after: is } of differences) {
    staying += Number(stays(is)) - Number(stays(was))
    // one that the source held had its time already
    if (was !== undefined && is === undefined && stays(was) && !before.source.held.has(key)) vanished.push(was)
    if (was !== undefined || is === undefined) continue
    if (before.gone.byId.has(key) || before.held.byId.has(key)) returned.push(key)
    else if (stays(is)) strangers += 1
  }
  let gone = without(before.gone, returned)
  let held = without(before.held, returned)

  const replaced = (count: number): number => {
    const some = Math.min(strangers, count)
    strangers -= some
    return some
  }
  gone = withoutFirst(gone, replaced(gone.byId.size))
  held = withoutFirst(held, replaced(held.byId.size))
  const succeeded = replaced(vanished.length)

  const total = staying + gone.byId.size + held.byId.size + vanished.length - succeeded
  const room = Math.max(0, allowance(total, guard.maxLoss) - gone.byId.size)
  const kept = now + guard.grace > now ? Math.max(0, vanished.length - succeeded - room) : 0
  const isKept = spread(kept, vanished)
  const leaving = vanished.filter((one, index) => !isKept(one, index))
  gone = withAbsent(gone, leaving.slice(succeeded), now)
  held = withAbsent(held, vanished.filter(isKept), now)
  return { source, staying, gone, held, result: shown(before, source, held, differences) }
}

/** When the next one leaves that is held (monotonic ms), if any is. */
export const nextLeave = ({ held }: Protection<unknown>, { grace }: Guard): number | undefined => {
  const first = held.byTime.at(0)
  return first && first.since + grace
}
