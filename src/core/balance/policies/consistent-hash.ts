import { checkedNumber } from '../../arguments.js'
import { hash } from '../hash.js'
import { maglev, places } from '../maglev.js'
import type { Candidate, Candidates, Context, Policy } from '../policy.js'
import { score } from '../rendezvous.js'

/** Options of {@link consistentHash}. */
export interface ConsistentHashOptions {
  /** How many times its share of all calls in flight one may have before its keys go to the next, from 1; Infinity: no bound. @default Infinity */
  readonly bound?: number
  /** Clients of one seed agree. @default 0 */
  readonly seed?: number
}

interface Table {
  readonly version: number
  readonly builtAt: number
  readonly ids: readonly string[]
  readonly places: Int32Array
  readonly weight: number
}

/** The most of whom all are looked at for each key. */
const few = 64

/** How often a table is built at most, ms. */
const rebuilt = 1000

/** How many places of a table are looked at, before everybody is. */
const tries = 8

const listed = ({ size, at }: Candidates): readonly Candidate[] =>
  Array.from({ length: size }, (_, index) => at(index)).filter(candidate => candidate !== undefined)

const tableOf = (candidates: Candidates, builtAt: number, seed: number): Table => {
  const all = [...listed(candidates)].sort((a, b) => (a.id < b.id ? -1 : 1))
  const weight = all.reduce((sum, each) => sum + each.weight, 0)
  return { version: candidates.version, builtAt, ids: all.map(({ id }) => id), places: maglev(all, seed), weight }
}

/** Whether one has room for another call (Envoy, `thread_aware_lb_impl.cc`). */
const hasRoom = ({ weight, inFlight }: Candidate, bound: number, total: number, calls: number): boolean =>
  bound === Infinity || inFlight < Math.max(1, Math.ceil(Math.ceil((calls + 1) * bound) * (weight / total)))

const byRendezvous = (candidates: Candidates, bound: number, hashed: number, calls: number): number => {
  const { size, at } = candidates
  const total = bound === Infinity ? 1 : listed(candidates).reduce((sum, { weight }) => sum + weight, 0)
  let [best, highest, roomy] = [0, -Infinity, false]
  for (let index = 0; index < size; index++) {
    const candidate = at(index)
    if (candidate === undefined) continue
    const height = score(hash(candidate.id, hashed), candidate.weight)
    const room = hasRoom(candidate, bound, total, calls)
    const higher = height > highest || (height === highest && candidate.id < (at(best)?.id ?? ''))
    if (room === roomy ? higher : room) [best, highest, roomy] = [index, height, room]
  }
  return best
}

const byTable = ({ size, at, indexOf }: Candidates, { ids, places: table, weight }: Table, bound: number, hashed: number, calls: number): number => {
  let first: number | undefined
  for (let attempt = 0; attempt < tries + ids.length; attempt++) {
    const place = table[(attempt === 0 ? hashed : hash(String(attempt), hashed)) % places]
    const index = indexOf(ids[attempt < tries ? (place ?? 0) : (hashed + attempt) % ids.length] ?? '')
    const candidate = index === undefined ? undefined : at(index)
    if (candidate === undefined) continue
    if (hasRoom(candidate, bound, weight, calls)) return index ?? 0
    first ??= index
  }
  return first ?? hashed % size
}

/**
 * Always the same for one key, as long as it is there: by weighted rendezvous up to 64, by a Maglev table for more, which follows who comes and goes once a second.
 * A call without a key goes anywhere.
 */
export const consistentHash = ({ bound = Infinity, seed = 0 }: ConsistentHashOptions = {}): Policy<Table | undefined> => {
  checkedNumber('bound', bound, 1, Infinity)
  checkedNumber('seed', seed, 0, 2 ** 32 - 1)
  return {
    initial: undefined,
    choose: (candidates, before, { key, random, now, inFlight }: Context) => {
      if (key === undefined) return [Math.floor(random() * candidates.size), before]
      const hashed = hash(key, seed)
      const { all } = candidates
      if (all.size <= few) return [byRendezvous(candidates, bound, hashed, inFlight), undefined]
      const late = before === undefined || (before.version !== all.version && now - before.builtAt >= rebuilt)
      const table = late ? tableOf(all, now, seed) : before
      return [byTable(candidates, table, bound, hashed, inFlight), table]
    },
  }
}
