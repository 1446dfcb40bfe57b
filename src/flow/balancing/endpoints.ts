import { ejectable, ejectionTime, outlying, type Outliers } from '../../core/balance/outliers.js'
import { asRegistered } from '../../core/sets/probing.js'
import { instancesOf, type ServiceSet } from '../../core/sets/service-set.js'
import { SortedMap } from '../../core/sorted-map/sorted-map.js'
import type { ServiceInstance } from '../../core/instance/instance.js'
import { newEndpoint, ReadySet, type Endpoint } from './ready-set.js'

/** How long one that left is remembered, ms. */
const remembered = 60_000

// beyond these, and below 0, sums and quotients of weights are no numbers; a set made by hand may hold anything
const weightOf = ({ weight }: ServiceInstance): number => (weight > 0 ? Math.min(weight, Number.MAX_VALUE) : 0)

// what checks say is believed, unless it were too many: then it is as little to be trusted as an ejection
const isUp = (instance: ServiceInstance): boolean => asRegistered(instance).status === 'up'

/** The instances of one set after another, with what is present of each, by id; and who of them may be chosen. */
export class Endpoints<M> {
  readonly #outliers: Outliers
  readonly #panic: number
  readonly #present = new Map<string, Endpoint<M>>()
  readonly #departed = new Map<string, Endpoint<M>>()
  readonly #ejected = new Set<Endpoint<M>>()
  readonly #up: ReadySet<M>
  readonly #available: ReadySet<M>
  #instances: SortedMap<ServiceInstance<M>> = SortedMap.empty()
  #weighted = 0
  #nextReturn = Infinity
  #swept = -Infinity
  #versions = 0
  #begun = false

  constructor(outliers: Outliers, panic: number) {
    this.#outliers = outliers
    this.#panic = panic
    const fresh = (): number => ++this.#versions
    this.#up = new ReadySet<M>(fresh)
    this.#available = new ReadySet<M>(fresh, this.#up)
  }

  /** Whether somebody is ejected. */
  get ejected(): boolean {
    return this.#ejected.size > 0
  }

  /** Who is there. */
  get present(): Iterable<Endpoint<M>> {
    return this.#present.values()
  }

  /** Who may be chosen now: all that are registered as up when too many are ejected, or taken down by checks. */
  ready(now: number): ReadySet<M> {
    this.#readmit(now)
    return this.#available.size * 100 < this.#up.size * this.#panic ? this.#up : this.#available
  }

  /** Those of the next set, at the cost of what differs. */
  follow(set: ServiceSet<M>, now: number): void {
    const next = instancesOf(set)
    for (const { key, after } of SortedMap.difference(this.#instances, next))
      if (after === undefined) this.#remove(key, now)
      else this.#add(after, now)
    this.#instances = next
    this.#begun ||= set.status !== 'pending'
    for (const [id, { leftAt = now }] of this.#departed) {
      if (now - leftAt <= remembered) break
      this.#departed.delete(id)
    }
  }

  /** Nobody is there, and those of the next set were there before. */
  forget(now: number): void {
    for (const id of [...this.#present.keys()]) this.#remove(id, now)
    this.#instances = SortedMap.empty()
    this.#begun = false
  }

  /** Counts how a call ended; who fails too often in a row is ejected. */
  count(endpoint: Endpoint<M>, failure: boolean, now: number): void {
    // a call may outlast its instance, and another of that id may be there
    if (endpoint.leftAt !== undefined) return
    if (!failure) {
      endpoint.successes += 1
      endpoint.streak = 0
      return
    }
    endpoint.failures += 1
    endpoint.failed += 1
    endpoint.streak += 1
    if (endpoint.streak >= this.#outliers.consecutive) this.#eject(endpoint, now)
  }

  /**
   * Looks at the rates once an interval is over, and says whether it was: ejects who does much worse than the others. Whoever asks for somebody calls
   * it: nothing changes without calls, and a timer would keep a process from ending.
   */
  sweep(now: number): boolean {
    const { interval } = this.#outliers
    const passed = Math.floor((now - this.#swept) / interval)
    if (interval === 0 || !(passed >= 1)) return false
    // However late it is looked at: they are judged as of its end.
    const end = passed === Infinity ? now : this.#swept + interval
    this.#swept = now
    this.#readmit(now)
    const counted = [...this.#present.values()]
    for (const endpoint of outlying(counted.filter(({ id }) => this.#available.indexOf(id) !== undefined), this.#outliers)) this.#eject(endpoint, end)
    this.#readmit(now)
    for (const endpoint of counted) {
      endpoint.successes = endpoint.failures = 0
      const calm = Math.max(0, Math.floor((now - endpoint.ejectedUntil) / interval))
      endpoint.ejections = Math.max(0, endpoint.ejections - Math.min(passed, calm))
    }
    return true
  }

  #add(instance: ServiceInstance<M>, now: number): void {
    const { id } = instance
    const present = this.#present.get(id)
    if (present !== undefined) this.#withdraw(present, now)
    const endpoint = present ?? this.#departedEndpoint(id, now) ?? newEndpoint(instance)
    const waited = present?.instance.status !== 'up'
    this.#departed.delete(id)
    this.#present.set(id, endpoint)
    endpoint.instance = instance
    endpoint.leftAt = undefined
    if (waited && this.#begun) endpoint.since = now
    if (isUp(instance) && weightOf(instance) > 0) this.#countWeighted(1)
    this.#admit(endpoint, now)
  }

  #remove(id: string, now: number): void {
    const endpoint = this.#present.get(id)
    if (endpoint === undefined) return
    this.#withdraw(endpoint, now)
    this.#present.delete(id)
    this.#departed.set(id, endpoint)
  }

  #departedEndpoint(id: string, now: number): Endpoint<M> | undefined {
    const endpoint = this.#departed.get(id)
    return endpoint?.leftAt !== undefined && now - endpoint.leftAt <= remembered ? endpoint : undefined
  }

  #withdraw(endpoint: Endpoint<M>, now: number): void {
    endpoint.leftAt = now
    this.#up.delete(endpoint)
    this.#available.delete(endpoint)
    this.#ejected.delete(endpoint)
    if (isUp(endpoint.instance) && weightOf(endpoint.instance) > 0) this.#countWeighted(-1)
  }

  /** Weight 0 means never, unless all are 0: with the first that has a weight, and with the last, everybody's place is another. */
  #countWeighted(change: 1 | -1): void {
    const before = this.#weighted
    this.#weighted += change
    if (before > 0 && this.#weighted > 0) return
    for (const endpoint of this.#present.values()) {
      this.#up.delete(endpoint)
      this.#available.delete(endpoint)
      this.#ejected.delete(endpoint)
      this.#admit(endpoint, -Infinity)
    }
  }

  #admit(endpoint: Endpoint<M>, now: number): void {
    const weight = weightOf(endpoint.instance)
    if (!isUp(endpoint.instance) || endpoint.leftAt !== undefined || (weight === 0 && this.#weighted > 0)) return
    endpoint.weight = this.#weighted > 0 ? weight : 1
    this.#up.add(endpoint)
    if (endpoint.instance.status !== 'up') return
    if (endpoint.ejectedUntil > now) this.#exclude(endpoint)
    else this.#available.add(endpoint)
  }

  #eject(endpoint: Endpoint<M>, now: number): void {
    if (this.#available.indexOf(endpoint.id) === undefined || this.#ejected.size >= ejectable(this.#up.size, this.#outliers)) return
    endpoint.ejections += 1
    endpoint.streak = 0
    endpoint.ejectedUntil = now + ejectionTime(endpoint.ejections, this.#outliers)
    this.#available.delete(endpoint)
    this.#exclude(endpoint)
  }

  #exclude(endpoint: Endpoint<M>): void {
    this.#ejected.add(endpoint)
    this.#nextReturn = Math.min(this.#nextReturn, endpoint.ejectedUntil)
  }

  /** Those whose time is over. */
  #readmit(now: number): void {
    if (now < this.#nextReturn) return
    this.#nextReturn = Infinity
    for (const endpoint of this.#ejected)
      if (endpoint.ejectedUntil > now) this.#nextReturn = Math.min(this.#nextReturn, endpoint.ejectedUntil)
      else {
        this.#ejected.delete(endpoint)
        this.#available.add(endpoint)
      }
  }
}
