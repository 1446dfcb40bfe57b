import type { ServiceInstance } from '../../core/instance/instance.js'
import type { Candidate, Candidates } from '../../core/balance/policy.js'
import { unlearned } from '../../core/balance/statistics.js'

type Mutable<T> = { -readonly [K in keyof T]: T[K] }

/** An instance, present or departed, with its call statistics. */
export interface Endpoint<M> extends Mutable<Candidate<M>> {
  /** When it left, ms; `undefined`: it is present. */
  leftAt: number | undefined
  /** Whether it is another process than the one before under its id, and had no success yet. */
  unproven: boolean
  /** Calls that have not been answered. */
  waiting: number
  /** Answers and failures since rates were last checked. */
  successes: number
  failures: number
  /** Failures in all, and in a row. */
  failed: number
  streak: number
  /** Until when it is ejected, ms, and its number of recent ejections. */
  ejectedUntil: number
  ejections: number
}

/** An endpoint without statistics. The fields that a choice reads come first, so that they lie together. */
export const newEndpoint = <M>(instance: ServiceInstance<M>): Endpoint<M> => ({
  weight: 1, inFlight: 0, ...unlearned, waitingSince: Infinity, id: instance.id, instance, since: -Infinity, leftAt: undefined, unproven: false, waiting: 0,
  successes: 0, failures: 0, failed: 0, streak: 0, ejectedUntil: -Infinity, ejections: 0,
})

/** Candidates that are endpoints. */
export interface ReadyEndpoints<M> extends Candidates<M> {
  readonly at: (index: number) => Endpoint<M> | undefined
}

/** Some ids: a set, or a map by id. */
export interface Ids {
  readonly size: number
  readonly keys: () => Iterable<string>
}

/** The endpoints that may be chosen, without gaps: when an endpoint goes, the last one takes its index. An endpoint that is updated keeps its index. */
export class ReadySet<M> implements ReadyEndpoints<M> {
  readonly #endpoints: Endpoint<M>[] = []
  readonly #indices = new Map<string, number>()
  readonly #zones = new Map<string, ReadySet<M>>()
  readonly #wider: ReadySet<M> | undefined
  readonly #fresh: () => number
  version: number
  newest = -Infinity

  /** `fresh` returns another version each time; `wider` also contains ejected endpoints. */
  constructor(fresh: () => number, wider?: ReadySet<M>) {
    this.#fresh = fresh
    this.#wider = wider
    this.version = fresh()
  }

  get size(): number {
    return this.#endpoints.length
  }

  get up(): number {
    return (this.#wider ?? this).size
  }

  get all(): ReadySet<M> {
    return this.#wider ?? this
  }

  readonly at = (index: number): Endpoint<M> | undefined => this.#endpoints[index]

  readonly indexOf = (id: string): number | undefined => this.#indices.get(id)

  readonly in = (zone: string): ReadySet<M> => {
    const existing = this.#zones.get(zone)
    if (existing !== undefined) return existing
    const ready = new ReadySet<M>(this.#fresh, this.#wider?.in(zone))
    for (const endpoint of this.#endpoints) if (endpoint.instance.zone === zone) ready.#add(endpoint)
    this.#zones.set(zone, ready)
    return ready
  }

  /** Adds, updates or removes the endpoint of an id, whose zone was `zone` before. */
  put(endpoint: Endpoint<M>, zone: string, present: boolean): void {
    const index = this.#indices.get(endpoint.id)
    if (index === undefined && !present) return
    const moved = zone !== endpoint.instance.zone
    if (index === undefined) this.#add(endpoint)
    else if (present) {
      this.#endpoints[index] = endpoint
      this.newest = Math.max(this.newest, endpoint.since)
    } else this.#remove(endpoint.id, index)
    this.version = this.#fresh()
    if (moved) this.#zones.get(zone)?.put(endpoint, endpoint.instance.zone, false)
    this.#zones.get(endpoint.instance.zone)?.put(endpoint, endpoint.instance.zone, present)
  }

  #add(endpoint: Endpoint<M>): void {
    this.#indices.set(endpoint.id, this.#endpoints.push(endpoint) - 1)
    this.newest = Math.max(this.newest, endpoint.since)
  }

  #remove(id: string, index: number): void {
    const last = this.#endpoints.pop()
    if (last !== undefined && last.id !== id) {
      this.#endpoints[index] = last
      this.#indices.set(last.id, index)
    }
    this.#indices.delete(id)
  }

  /** The endpoints but for some, whose indices the last ones take. */
  without(ids: Ids): ReadyEndpoints<M> {
    const holes = new Set<number>()
    for (const id of ids.keys()) {
      const index = this.#indices.get(id)
      if (index !== undefined) holes.add(index)
    }
    if (holes.size === 0) return this
    const size = this.size - holes.size
    const moved = new Map<number, number>()
    const indices = new Map<number, number>()
    let last = this.size - 1
    for (const hole of holes) {
      if (hole >= size) continue
      while (holes.has(last)) last -= 1
      moved.set(hole, last)
      indices.set(last--, hole)
    }
    const { up, newest, at, indexOf } = this
    return {
      size,
      at: index => (index < size ? at(moved.get(index) ?? index) : undefined),
      indexOf: id => {
        const index = indexOf(id)
        return index === undefined || holes.has(index) ? undefined : (indices.get(index) ?? index)
      },
      version: this.#fresh(),
      up,
      newest,
      all: this.all,
      in: zone => this.in(zone).without(ids),
    }
  }
}
