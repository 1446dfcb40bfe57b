import { checkedNumber } from '../../arguments.js'
import { hash } from '../hash.js'
import type { Candidate, Candidates, Policy } from '../policy.js'
import { emptyRing, pointAt, ringOf, type Ring } from '../ring.js'
import { isOutdated } from '../shares.js'

/** Options of {@link consistentHash}. */
export interface ConsistentHashOptions {
  /** How many times its share of all calls in flight an instance may have before its keys go to the next one, from 1; Infinity: no bound. @default Infinity */
  readonly bound?: number | undefined
  /** Clients with the same seed choose the same instances. @default 0 */
  readonly seed?: number | undefined
}

/** How many points are visited in search of an available instance, before any other one is taken. */
const visits = 1024

/** Whether an instance has room for another call (Envoy, `thread_aware_lb_impl.cc`). */
const hasRoom = ({ weight, inFlight }: Candidate, bound: number, ring: Ring, calls: number): boolean =>
  bound === Infinity || inFlight < Math.max(1, Math.ceil(Math.ceil((calls + 1) * bound) * (weight / ring.heaviest / ring.weight)))

/** The instance of the next point that is available and has room; if all are full, the first available one. */
const ownerOf = (hashed: number, { size, at, indexOf }: Candidates, ring: Ring, bound: number, calls: number): number => {
  const { points, owners, ids } = ring
  const start = pointAt(ring, hashed)
  let full: number | undefined
  for (let visit = 0; visit < Math.min(visits, points.length); visit++) {
    const owner = owners[(start + visit) % points.length] ?? 0
    const id = ids[owner] ?? ''
    // mostly its number is its index
    const index = at(owner)?.id === id ? owner : indexOf(id)
    const candidate = index === undefined ? undefined : at(index)
    if (index === undefined || candidate === undefined) continue
    if (hasRoom(candidate, bound, ring, calls)) return index
    full ??= index
  }
  return full ?? hashed % size
}

/**
 * Chooses the same instance for the same key while it is available, and the next one on a hash ring while it is not: no other key moves. The ring has about
 * 128 points per instance, scaled by weight, and contains ejected instances. Up to 1,000 instances it follows a change at once, beyond that once a second.
 * A call without a key goes to any instance.
 */
export const consistentHash = ({ bound = Infinity, seed = 0 }: ConsistentHashOptions = {}): Policy<Ring> => {
  checkedNumber('bound', bound, 1, Infinity)
  checkedNumber('seed', seed, 0, 2 ** 32 - 1)
  return {
    initial: emptyRing,
    choose: (candidates, before, { key, random, now, inFlight }) => {
      if (key === undefined) return [Math.floor(random() * candidates.size), before]
      const ring = isOutdated(before, candidates.all, now) ? ringOf(candidates.all, before, now, seed) : before
      return [ownerOf(hash(key, seed), candidates, ring, bound, inFlight), ring]
    },
  }
}
