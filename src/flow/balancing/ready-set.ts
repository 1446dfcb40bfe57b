import type { ServiceInstance } from '../../core/instance/instance.js'
import type { Candidate, Candidates } from '../../core/balance/policy.js'
import { unlearned } from '../../core/balance/statistics.js'

type Mutable<T> = { -readonly [K in keyof T]: T[K] }

/** What is known of an instance, whether it is there or not. */
export interface Endpoint<M> extends Mutable<Candidate<M>> {
  /** When it left, ms; `undefined`: it is there. */
  leftAt: number | undefined
  /** Calls that have not been answered. */
  waiting: number
  /** Answers and failures since rates were last looked at. */
  successes: number
  failures: number
  /** Failures in all, and in a row. */
  failed: number
  streak: number
  /** Until when it is ejected, ms, and how often it was, lately. */
  ejectedUntil: number
  ejections: number
}

/** A member of whom nothing is known yet. What a choice reads comes first, so that it lies together. */
export const endpointOf = <M>(instance: ServiceInstance<M>): Endpoint<M> => ({
  weight: 1, inFlight: 0, ...unlearned, waitingSince: Infinity, id: instance.id, instance, since: -Infinity, leftAt: undefined, waiting: 0,
  successes: 0, failures: 0, failed: 0, streak: 0, ejectedUntil: -Infinity, ejections: 0,
})

/** Candidates that are members. */
export interface Crowd<M> extends Candidates<M> {
  readonly at: (index: number) => Endpoint<M> | undefined
}

/** Those that may be chosen, densely: who goes gives its place to the last. */
export class ReadySet<M> implements Crowd<M> {
  readonly #members: Endpoint<M>[] = []
  readonly #places = new Map<string, number>()
  readonly #zones = new Map<string, ReadySet<M>>()
  readonly #wider: ReadySet<M> | undefined
  readonly #fresh: () => number
  version: number
  newest = -Infinity

  /** `fresh` gives another version each time; `wider` is where the ejected are, too. */
  constructor(fresh: () => number, wider?: ReadySet<M>) {
    this.#fresh = fresh
    this.#wider = wider
    this.version = fresh()
  }

  get size(): number {
    return this.#members.length
  }

  get up(): number {
    return (this.#wider ?? this).size
  }

  get all(): Candidates<M> {
    return this
  }

  readonly at = (index: number): Endpoint<M> | undefined => this.#members[index]

  readonly indexOf = (id: string): number | undefined => this.#places.get(id)

  readonly in = (zone: string): ReadySet<M> => {
    const known = this.#zones.get(zone)
    if (known !== undefined) return known
    const pool = new ReadySet<M>(this.#fresh, this.#wider?.in(zone))
    for (const member of this.#members) if (member.instance.zone === zone) pool.add(member)
    this.#zones.set(zone, pool)
    return pool
  }

  add(member: Endpoint<M>): void {
    if (this.#places.has(member.id)) return
    this.#places.set(member.id, this.#members.push(member) - 1)
    this.newest = Math.max(this.newest, member.since)
    this.version = this.#fresh()
    this.#zones.get(member.instance.zone)?.add(member)
  }

  delete(member: Endpoint<M>): void {
    const place = this.#places.get(member.id)
    const last = this.#members.at(-1)
    if (place === undefined || last === undefined) return
    this.#members[place] = last
    this.#places.set(last.id, place)
    this.#members.pop()
    this.#places.delete(member.id)
    this.version = this.#fresh()
    this.#zones.get(member.instance.zone)?.delete(member)
  }

  /** Without those that were tried, whose places the last ones take. */
  without(tried: ReadonlyMap<string, unknown>): Crowd<M> {
    const holes = new Set<number>()
    for (const id of tried.keys()) {
      const place = this.#places.get(id)
      if (place !== undefined) holes.add(place)
    }
    if (holes.size === 0) return this
    const size = this.size - holes.size
    const moved = new Map<number, number>()
    const places = new Map<number, number>()
    let last = this.size - 1
    for (const hole of holes) {
      if (hole >= size) continue
      while (holes.has(last)) last -= 1
      moved.set(hole, last)
      places.set(last--, hole)
    }
    const { up, newest, at, indexOf } = this
    return {
      size,
      at: index => (index < size ? at(moved.get(index) ?? index) : undefined),
      indexOf: id => {
        const place = indexOf(id)
        return place === undefined || holes.has(place) ? undefined : (places.get(place) ?? place)
      },
      version: this.#fresh(),
      up,
      newest,
      all: this,
      in: zone => this.in(zone).without(tried),
    }
  }
}
