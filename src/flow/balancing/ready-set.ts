import type { ServiceInstance } from '../../core/instance/instance.js'
import type { Candidate, Candidates } from '../../core/balance/policy.js'
import { unlearned } from '../../core/balance/statistics.js'

type Mutable<T> = { -readonly [K in keyof T]: T[K] }

/** What is existing of an instance, whether it is there or not. */
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

/** A endpoint of whom nothing is existing yet. What a choice reads comes first, so that it lies together. */
export const newEndpoint = <M>(instance: ServiceInstance<M>): Endpoint<M> => ({
  weight: 1, inFlight: 0, ...unlearned, waitingSince: Infinity, id: instance.id, instance, since: -Infinity, leftAt: undefined, waiting: 0,
  successes: 0, failures: 0, failed: 0, streak: 0, ejectedUntil: -Infinity, ejections: 0,
})

/** Candidates that are endpoints. */
export interface ReadyEndpoints<M> extends Candidates<M> {
  readonly at: (index: number) => Endpoint<M> | undefined
}

/** Those that may be chosen, densely: who goes gives its index to the last. */
export class ReadySet<M> implements ReadyEndpoints<M> {
  readonly #endpoints: Endpoint<M>[] = []
  readonly #indices = new Map<string, number>()
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
    return this.#endpoints.length
  }

  get up(): number {
    return (this.#wider ?? this).size
  }

  get all(): Candidates<M> {
    return this
  }

  readonly at = (index: number): Endpoint<M> | undefined => this.#endpoints[index]

  readonly indexOf = (id: string): number | undefined => this.#indices.get(id)

  readonly in = (zone: string): ReadySet<M> => {
    const existing = this.#zones.get(zone)
    if (existing !== undefined) return existing
    const ready = new ReadySet<M>(this.#fresh, this.#wider?.in(zone))
    for (const endpoint of this.#endpoints) if (endpoint.instance.zone === zone) ready.add(endpoint)
    this.#zones.set(zone, ready)
    return ready
  }

  add(endpoint: Endpoint<M>): void {
    if (this.#indices.has(endpoint.id)) return
    this.#indices.set(endpoint.id, this.#endpoints.push(endpoint) - 1)
    this.newest = Math.max(this.newest, endpoint.since)
    this.version = this.#fresh()
    this.#zones.get(endpoint.instance.zone)?.add(endpoint)
  }

  delete(endpoint: Endpoint<M>): void {
    const index = this.#indices.get(endpoint.id)
    const last = this.#endpoints.at(-1)
    if (index === undefined || last === undefined) return
    this.#endpoints[index] = last
    this.#indices.set(last.id, index)
    this.#endpoints.pop()
    this.#indices.delete(endpoint.id)
    this.version = this.#fresh()
    this.#zones.get(endpoint.instance.zone)?.delete(endpoint)
  }

  /** Without those that were tried, whose indices the last ones take. */
  without(tried: ReadonlyMap<string, unknown>): ReadyEndpoints<M> {
    const holes = new Set<number>()
    for (const id of tried.keys()) {
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
      all: this,
      in: zone => this.in(zone).without(tried),
    }
  }
}
