import { ejectable, ejectionTime, outlying, type Outliers } from '../../core/balance/outliers.js'
import { asRegistered } from '../../core/sets/probing.js'
import { instancesOf, type ServiceSet } from '../../core/sets/service-set.js'
import { SortedMap } from '../../core/sorted-map/sorted-map.js'
import type { ServiceInstance } from '../../core/instance/instance.js'
import { channels } from '../channels.js'
import { wakeAt } from '../clock.js'
import { newEndpoint, ReadySet, type Endpoint, type Ids, type ReadyEndpoints } from './ready-set.js'

/** How long an endpoint is kept after it left, ms. */
const remembered = 60_000

/** How long an unanswered call keeps further calls from an unproven endpoint, ms. */
const trial = 10_000

// beyond these, and below 0, sums and quotients of weights are not finite; a hand-made set may hold anything
const weightOf = ({ weight }: ServiceInstance): number => (weight > 0 ? Math.min(weight, Number.MAX_VALUE) : 0)

// an instance that a check took down counts as up here: if there are too many of them, the checks are most likely wrong, like ejections
const isUp = (instance: ServiceInstance): boolean => asRegistered(instance).status === 'up'

const hasWeight = (instance: ServiceInstance): boolean => isUp(instance) && weightOf(instance) > 0

/** Whether two instances of one id are different processes; formats without incarnations do not distinguish them. */
const isAnother = (a: ServiceInstance, b: ServiceInstance): boolean => a.incarnation !== b.incarnation && a.incarnation !== '' && b.incarnation !== ''

/** The endpoint of another process under the same id: only the count of ejections goes on. */
const successorOf = <M>({ ejections }: Endpoint<M>, instance: ServiceInstance<M>): Endpoint<M> => ({ ...newEndpoint(instance), ejections, unproven: true })

/** The endpoints of one set after another, by id; and which of them may be chosen. */
export class Endpoints<M> {
  readonly #outliers: Outliers
  readonly #panic: number
  readonly #present = new Map<string, Endpoint<M>>()
  readonly #departed = new Map<string, Endpoint<M>>()
  readonly #ejected = new Set<Endpoint<M>>()
  /** Unproven endpoints with calls in flight. */
  readonly #tested = new Map<string, Endpoint<M>>()
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

  /** Whether an endpoint is ejected. */
  get ejected(): boolean {
    return this.#ejected.size > 0
  }

  get present(): Iterable<Endpoint<M>> {
    return this.#present.values()
  }

  /** The endpoints that may be chosen now: all that are registered as up, if too many of them are ejected or taken down by checks. */
  ready(now: number): ReadySet<M> {
    this.#readmit(now)
    return this.#available.size * 100 < this.#up.size * this.#panic ? this.#up : this.#available
  }

  /** The ready endpoints for a call that has tried some: if possible others, and none that is unproven and has a call in flight. */
  readyFor(tried: Ids, now: number): ReadyEndpoints<M> {
    const ready = this.ready(now)
    if (tried.size === 0 && this.#tested.size === 0) return ready
    const busy = Array.from(this.#tested.values()).filter(({ waitingSince }) => now - waitingSince < trial)
    const free = busy.length === 0 ? undefined : ready.without(new Set([...tried.keys(), ...busy.map(({ id }) => id)]))
    if (free !== undefined && free.size > 0) return free
    const untried = ready.without(tried)
    return untried.size > 0 ? untried : ready
  }

  /** Follows the next set, at the cost of the difference. */
  follow(set: ServiceSet<M>, now: number): void {
    const next = instancesOf(set)
    for (const { key, after } of SortedMap.difference(this.#instances, next))
      if (after === undefined) this.#remove(key, now)
      else this.#put(after, now)
    this.#instances = next
    this.#begun ||= set.status !== 'pending'
    for (const [id, { leftAt = now }] of this.#departed) {
      if (now - leftAt <= remembered) break
      this.#departed.delete(id)
    }
  }

  /** The next set is the first one of another subscription: its instances may have been there before. */
  resume(): void {
    this.#begun = false
  }

  /** Counts a call that begins. */
  began(endpoint: Endpoint<M>, now: number): void {
    endpoint.inFlight += 1
    if (endpoint.waiting++ === 0) endpoint.waitingSince = now
    if (endpoint.unproven && endpoint.leftAt === undefined) this.#tested.set(endpoint.id, endpoint)
  }

  /** Counts a call that has ended. */
  ended(endpoint: Endpoint<M>): void {
    endpoint.inFlight -= 1
    if (endpoint.unproven && endpoint.inFlight === 0) this.#forgetTest(endpoint)
  }

  /** Counts a first answer. */
  prove(endpoint: Endpoint<M>): void {
    endpoint.unproven = false
    this.#forgetTest(endpoint)
  }

  /** Counts how a call ended that began at `start`; ejects an endpoint that fails too often in a row, or before its first success. */
  count(endpoint: Endpoint<M>, failure: boolean, start: number, now: number): void {
    if (failure) endpoint.failed += 1
    else if (endpoint.unproven) this.prove(endpoint)
    // a call may outlast its endpoint; and one that began before an ejection ended says nothing about the time after it
    if (endpoint.leftAt !== undefined || start < endpoint.ejectedUntil) return
    if (!failure) {
      endpoint.successes += 1
      endpoint.streak = 0
      return
    }
    endpoint.failures += 1
    endpoint.streak += 1
    if (endpoint.unproven || endpoint.streak >= this.#outliers.consecutive) this.#eject(endpoint, now)
  }

  /**
   * Checks the rates if an interval is over, ejects the outliers, and returns whether it was. Each choice calls it: without calls nothing changes, and
   * a timer would keep a process from ending.
   */
  sweep(now: number): boolean {
    const { interval } = this.#outliers
    const passed = Math.floor((now - this.#swept) / interval)
    if (interval === 0 || !(passed >= 1)) return false
    // however late rates are checked, they are those of the end of the interval
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

  #put(instance: ServiceInstance<M>, now: number): void {
    const { id } = instance
    const present = this.#present.get(id)
    const former = present ?? this.#departedEndpoint(id, now)
    const before = present?.instance
    const another = former !== undefined && isAnother(former.instance, instance)
    const endpoint = former === undefined ? newEndpoint(instance) : another ? successorOf(former, instance) : former
    if (another) this.#retire(former, now)
    this.#departed.delete(id)
    this.#present.set(id, endpoint)
    endpoint.instance = instance
    endpoint.leftAt = undefined
    if ((another || before?.status !== 'up') && this.#begun) endpoint.since = now
    this.#countWeighted(Number(hasWeight(instance)) - Number(before !== undefined && hasWeight(before)))
    this.#place(endpoint, before?.zone ?? instance.zone, now)
  }

  #remove(id: string, now: number): void {
    const endpoint = this.#present.get(id)
    if (endpoint === undefined) return
    this.#retire(endpoint, now)
    this.#present.delete(id)
    this.#departed.set(id, endpoint)
    this.#place(endpoint, endpoint.instance.zone, now)
    this.#countWeighted(-Number(hasWeight(endpoint.instance)))
  }

  #retire(endpoint: Endpoint<M>, now: number): void {
    endpoint.leftAt = now
    this.#ejected.delete(endpoint)
    this.#forgetTest(endpoint)
  }

  #departedEndpoint(id: string, now: number): Endpoint<M> | undefined {
    const endpoint = this.#departed.get(id)
    return endpoint?.leftAt !== undefined && now - endpoint.leftAt <= remembered ? endpoint : undefined
  }

  #forgetTest(endpoint: Endpoint<M>): void {
    if (this.#tested.get(endpoint.id) === endpoint) this.#tested.delete(endpoint.id)
  }

  /** Weight 0 means never, unless all weights are 0: the first instance with a weight, and the last one, change which ones are ready. */
  #countWeighted(change: number): void {
    const before = this.#weighted
    this.#weighted += change
    if (before > 0 === this.#weighted > 0) return
    for (const endpoint of this.#present.values()) this.#place(endpoint, endpoint.instance.zone, -Infinity)
  }

  /** Puts an endpoint into the ready sets to which it belongs. */
  #place(endpoint: Endpoint<M>, zone: string, now: number): void {
    const { instance, leftAt, ejectedUntil } = endpoint
    const weight = weightOf(instance)
    const up = leftAt === undefined && isUp(instance) && (weight > 0 || this.#weighted === 0)
    const usable = up && instance.status === 'up'
    const ejected = usable && (ejectedUntil > now || this.#ejected.has(endpoint))
    if (up) endpoint.weight = this.#weighted > 0 ? weight : 1
    this.#up.put(endpoint, zone, up)
    this.#available.put(endpoint, zone, usable && !ejected)
    if (ejected) this.#exclude(endpoint)
    else this.#ejected.delete(endpoint)
  }

  #eject(endpoint: Endpoint<M>, now: number): void {
    if (this.#available.indexOf(endpoint.id) === undefined || this.#ejected.size >= ejectable(this.#up.size, this.#outliers)) return
    endpoint.ejections += 1
    endpoint.streak = 0
    endpoint.ejectedUntil = now + ejectionTime(endpoint.ejections, this.#outliers)
    if (channels.ejection.hasSubscribers) channels.ejection.publish({ instance: endpoint.instance, duration: endpoint.ejectedUntil - now })
    wakeAt(endpoint.ejectedUntil)
    this.#available.put(endpoint, endpoint.instance.zone, false)
    this.#exclude(endpoint)
  }

  #exclude(endpoint: Endpoint<M>): void {
    this.#ejected.add(endpoint)
    this.#nextReturn = Math.min(this.#nextReturn, endpoint.ejectedUntil)
  }

  /** Ends the ejections whose time is over. */
  #readmit(now: number): void {
    if (now < this.#nextReturn) return
    this.#nextReturn = Infinity
    for (const endpoint of this.#ejected)
      if (endpoint.ejectedUntil > now) this.#nextReturn = Math.min(this.#nextReturn, endpoint.ejectedUntil)
      else {
        this.#ejected.delete(endpoint)
        this.#available.put(endpoint, endpoint.instance.zone, true)
      }
  }
}
