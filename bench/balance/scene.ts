import { BehaviorSubject, map, timer, type Observable } from 'rxjs'
import { serviceInstance, serviceSet, type Balancer, type ServiceInstance, type ServiceSet } from 'rx-discovery'
import { virtually } from 'rx-discovery/testing'
import { seeded } from '../../test/etcd/random-writes.js'

/** How one call of the simulation ended. */
export interface Call {
  /** The time of the call, and its duration, ms. */
  readonly at: number
  readonly took: number
  readonly failed: boolean
  readonly by: string
}

/** The times of the simulation's events and of its end, ms. */
export const story = { slow: 10_000, broken: 20_000, leaves: 30_000, joins: 35_000, end: 60_000 } as const

const perSecond = 600
const workers = 4
const slow = 's07'
const broken = 's13'
const leaver = 's03'
const joiner = 's20'

const idOf = (at: number): string => `s${String(at).padStart(2, '0')}`
const nodeOf = (id: string): ServiceInstance => serviceInstance({ service: 'web', id, address: `${id}:80` })

/** A server of four workers and a queue, which takes 10 ms on average. */
const serverOf = (id: string, random: () => number) => {
  const free = new Array<number>(workers).fill(0)
  return (now: number): Observable<string> => {
    if (id === broken && now >= story.broken) return timer(1).pipe(map(() => { throw new Error('broken') }))
    const mean = id === slow && now >= story.slow ? 100 : 10
    const next = free.indexOf(Math.min(...free))
    const end = Math.max(now, free[next] ?? 0) - Math.log(1 - random()) * mean
    free[next] = end
    return timer(end - now).pipe(map(() => id))
  }
}

/** One minute of six hundred calls a second to twenty servers, in virtual time: the same calls for each balancer. */
export const simulated = (make: (sets: Observable<ServiceSet>, random: () => number) => Balancer): readonly Call[] => {
  const calls: Call[] = []
  virtually(({ advance, now }) => {
    const random = seeded(42)
    const servers = new Map(Array.from({ length: 21 }, (_, at) => [idOf(at), serverOf(idOf(at), random)]))
    const members = new Set(Array.from({ length: 20 }, (_, at) => idOf(at)))
    const set = (): ServiceSet => serviceSet('web', [...members].map(nodeOf))
    const sets = new BehaviorSubject(set())
    const web = make(sets, seeded(7))
    timer(story.leaves).subscribe(() => { members.delete(leaver); sets.next(set()) })
    timer(story.joins).subscribe(() => { members.add(joiner); sets.next(set()) })
    const arrivals = seeded(1)
    for (let at = 0; at < story.end; ) {
      const next = at - Math.log(1 - arrivals()) * (1_000 / perSecond)
      advance(Math.floor(next) - Math.floor(at))
      at = next
      const began = now()
      let by = ''
      const ended = (failed: boolean) => () => calls.push({ at: began, took: now() - began, failed, by })
      web.use(({ id }) => {
        by = id
        return servers.get(id)?.(now()) ?? timer(0).pipe(map(() => id))
      }, { key: `user-${Math.floor(arrivals() * 10_000)}` }).subscribe({ complete: ended(false), error: ended(true) })
    }
    advance(60_000)
  })
  return calls
}

/** The quantile of sorted numbers. */
export const quantile = (sorted: readonly number[], share: number): number => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? NaN
