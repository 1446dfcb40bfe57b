import { ejectable, ejectionTime, outlying, type Outliers } from '../../core/balance/outliers.js'
import { asRegistered } from '../../core/sets/probing.js'
import { instancesOf, type ServiceSet } from '../../core/sets/service-set.js'
import { SortedMap } from '../../core/sorted-map/sorted-map.js'
import type { ServiceInstance } from '../../core/instance/instance.js'
import { wakeAt } from '../clock.js'
import { endpointOf, ReadySet, type Endpoint } from './ready-set.js'

/** How long one that left is remembered, ms. */
const remembered = 60_000

// beyond these, and below 0, sums and quotients of weights are no numbers; a set made by hand may hold anything
const weightOf = ({ weight }: ServiceInstance): number => (weight > 0 ? Math.min(weight, Number.MAX_VALUE) : 0)

// what checks say is believed, unless it were too many: then it is as little to be trusted as an ejection
const isUp = (instance: ServiceInstance): boolean => asRegistered(instance).status === 'up'

/** The instances of one set after another, with what is known of each, by id; and who of them may be chosen. */
export class Endpoints<M> {
  readonly #outliers: Outliers
  readonly #panic: number
  readonly #known = new Map<string, Endpoint<M>>()
  readonly #left = new Map<string, Endpoint<M>>()
  readonly #ejected = new Set<Endpoint<M>>()
  readonly #up: ReadySet<M>
  readonly #available: ReadySet<M>
  #instances: SortedMap<ServiceInstance<M>> = SortedMap.empty()
  #weighty = 0
  #returns = Infinity
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
  get there(): Iterable<Endpoint<M>> {
    return this.#known.values()
  }

  /** Who may be chosen now: all that are registered as up when too many are ejected, or taken down by checks. */
  pool(now: number): ReadySet<M> {
    this.#readmit(now)
    return this.#available.size * 100 < this.#up.size * this.#panic ? this.#up : this.#available
  }

  /** Those of the next set, at the cost of what differs. */
  follow(set: ServiceSet<M>, now: number): void {
    const next = instancesOf(set)
    for (const { key, after } of SortedMap.difference(this.#instances, next))
      if (after === undefined) this.#leave(key, now)
      else this.#come(after, now)
    this.#instances = next
    this.#begun ||= set.status !== 'pending'
    for (const [id, { leftAt = now }] of this.#left) {
      if (now - leftAt <= remembered) break
      this.#left.delete(id)
    }
  }

  /** Nobody is there, and those of the next set were there before. */
  forget(now: number): void {
    for (const id of [...this.#known.keys()]) this.#leave(id, now)
    this.#instances = SortedMap.empty()
    this.#begun = false
  }

  /** Counts how a call ended; who fails too often in a row is ejected. */
  count(member: Endpoint<M>, failure: boolean, now: number): void {
    // a call may outlast its instance, and another of that id may be there
    if (member.leftAt !== undefined) return
    if (!failure) {
      member.successes += 1
      member.streak = 0
      return
    }
    member.failures += 1
    member.failed += 1
    member.streak += 1
    if (member.streak >= this.#outliers.consecutive) this.#eject(member, now)
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
    const counted = [...this.#known.values()]
    for (const member of outlying(counted.filter(({ id }) => this.#available.indexOf(id) !== undefined), this.#outliers)) this.#eject(member, end)
    this.#readmit(now)
    for (const member of counted) {
      member.successes = member.failures = 0
      const calm = Math.max(0, Math.floor((now - member.ejectedUntil) / interval))
      member.ejections = Math.max(0, member.ejections - Math.min(passed, calm))
    }
    return true
  }

  #come(instance: ServiceInstance<M>, now: number): void {
    const { id } = instance
    const known = this.#known.get(id)
    if (known !== undefined) this.#remove(known, now)
    const member = known ?? this.#remembered(id, now) ?? endpointOf(instance)
    const waited = known?.instance.status !== 'up'
    this.#left.delete(id)
    this.#known.set(id, member)
    member.instance = instance
    member.leftAt = undefined
    if (waited && this.#begun) member.since = now
    if (isUp(instance) && weightOf(instance) > 0) this.#weigh(1)
    this.#place(member, now)
  }

  #leave(id: string, now: number): void {
    const member = this.#known.get(id)
    if (member === undefined) return
    this.#remove(member, now)
    this.#known.delete(id)
    this.#left.set(id, member)
  }

  #remembered(id: string, now: number): Endpoint<M> | undefined {
    const member = this.#left.get(id)
    return member?.leftAt !== undefined && now - member.leftAt <= remembered ? member : undefined
  }

  #remove(member: Endpoint<M>, now: number): void {
    member.leftAt = now
    this.#up.delete(member)
    this.#available.delete(member)
    this.#ejected.delete(member)
    if (isUp(member.instance) && weightOf(member.instance) > 0) this.#weigh(-1)
  }

  /** Weight 0 means never, unless all are 0: with the first that has a weight, and with the last, everybody's place is another. */
  #weigh(change: 1 | -1): void {
    const before = this.#weighty
    this.#weighty += change
    if (before > 0 && this.#weighty > 0) return
    for (const member of this.#known.values()) {
      this.#up.delete(member)
      this.#available.delete(member)
      this.#ejected.delete(member)
      this.#place(member, -Infinity)
    }
  }

  #place(member: Endpoint<M>, now: number): void {
    const weight = weightOf(member.instance)
    if (!isUp(member.instance) || member.leftAt !== undefined || (weight === 0 && this.#weighty > 0)) return
    member.weight = this.#weighty > 0 ? weight : 1
    this.#up.add(member)
    if (member.instance.status !== 'up') return
    if (member.ejectedUntil > now) this.#banish(member)
    else this.#available.add(member)
  }

  #eject(member: Endpoint<M>, now: number): void {
    if (this.#available.indexOf(member.id) === undefined || this.#ejected.size >= ejectable(this.#up.size, this.#outliers)) return
    member.ejections += 1
    member.streak = 0
    member.ejectedUntil = now + ejectionTime(member.ejections, this.#outliers)
    wakeAt(member.ejectedUntil)
    this.#available.delete(member)
    this.#banish(member)
  }

  #banish(member: Endpoint<M>): void {
    this.#ejected.add(member)
    this.#returns = Math.min(this.#returns, member.ejectedUntil)
  }

  /** Those whose time is over. */
  #readmit(now: number): void {
    if (now < this.#returns) return
    this.#returns = Infinity
    for (const member of this.#ejected)
      if (member.ejectedUntil > now) this.#returns = Math.min(this.#returns, member.ejectedUntil)
      else {
        this.#ejected.delete(member)
        this.#available.add(member)
      }
  }
}
