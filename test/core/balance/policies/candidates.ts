import { serviceInstance } from '../../../../src/core/instance/instance.js'
import type { Candidate, Candidates, Context, Policy } from '../../../../src/core/balance/policy.js'
import { unlearned } from '../../../../src/core/balance/statistics.js'
import { seeded } from '../../../etcd/random-writes.js'

/** A candidate as a test writes it down. */
export type Sketch = Partial<Candidate> & { readonly id: string; readonly zone?: string }

/** Names a crowd by weights: a, b, c … */
export const weighing = (...weights: readonly number[]): readonly Sketch[] =>
  weights.map((weight, at) => ({ id: weights.length > 26 ? `n${at}` : String.fromCharCode(97 + at), weight }))

/** Candidates of a test. */
export const crowd = (sketches: readonly Sketch[], { version = 1, up = sketches.length }: { readonly version?: number; readonly up?: number } = {}): Candidates => {
  const members = sketches.map(({ id, zone = '', ...known }): Candidate => ({
    id, instance: serviceInstance({ service: 'web', id, address: 'a:1', zone }), weight: 1, inFlight: 0, waitingSince: Infinity, since: -Infinity, ...unlearned, ...known,
  }))
  const places = new Map(members.map(({ id }, at) => [id, at]))
  const candidates: Candidates = {
    size: members.length,
    at: index => members[index],
    indexOf: id => places.get(id),
    version,
    up,
    newest: Math.max(...members.map(({ since }) => since)),
    get all() {
      return candidates
    },
    in: zone => crowd(sketches.filter(sketch => sketch.zone === zone), { version }),
  }
  return candidates
}

/** Picks on and on from what a policy is given. */
export const picking = <S>(policy: Policy<S>, given: Partial<Context> = {}) => {
  const context: Context = { now: 0, random: seeded(1), inFlight: 0, key: undefined, zones: [], ...given }
  let state = policy.initial
  return (candidates: Candidates, changed: Partial<Context> = {}): string | undefined => {
    const [index, next] = policy.choose(candidates, state, { ...context, ...changed })
    state = next
    if (index === undefined) return undefined
    const chosen = candidates.at(index)
    if (chosen === undefined) throw new Error(`chose ${index} of ${candidates.size}`)
    return chosen.id
  }
}

/** How often each id came. */
export const tallied = (ids: Iterable<string | undefined>): ReadonlyMap<string, number> => {
  const counts = new Map<string, number>()
  for (const id of ids) counts.set(id ?? 'nobody', (counts.get(id ?? 'nobody') ?? 0) + 1)
  return counts
}

/** The same a number of times. */
export const times = <T>(count: number, make: (at: number) => T): readonly T[] => Array.from({ length: count }, (_, at) => make(at))

/** Whether a share of picks is what chance allows, within three standard deviations. */
export const expected = (count: number, share: number, picks: number): boolean => Math.abs(count - share * picks) <= 3 * Math.sqrt(picks * share * (1 - share)) + 1e-9
