import { Closed, InvalidArgument, NoInstance } from '../../core/errors.js'
import type { Outliers } from '../../core/balance/outliers.js'
import type { Outcome, Policy } from '../../core/balance/policy.js'
import { pendingSet, type ServiceSet } from '../../core/sets/service-set.js'
import { learned } from '../../core/balance/statistics.js'
import { now } from '../clock.js'
import { Endpoints } from './endpoints.js'
import type { Endpoint, Ids } from './ready-set.js'

/** How long calls wait for the first set of another subscription before they use the last one of the former, ms. */
const stale = 250

/** Options of {@link Picker}. */
export interface PickerOptions {
  readonly outliers: Outliers
  readonly panic: number
  readonly zones: readonly string[]
  readonly random: () => number
  /** How long calls wait for an instance, ms. */
  readonly wait: number
}

/** Carries a policy through sets, calls and time. */
export class Picker<M> {
  readonly #endpoints: Endpoints<M>
  readonly #policy: Policy<unknown, M>
  readonly #options: PickerOptions
  readonly #decay: number
  #state: unknown
  /** The last set that was not pending: a pending one never replaces it. */
  #set: ServiceSet<M> | undefined
  #latest: ServiceSet<M> | undefined
  /** Until when the set of the former subscription is not used, since a newer one may come at once. */
  #freshUntil = -Infinity
  #inFlight = 0
  /** Another number whenever anything has changed. */
  changes = 0

  constructor(policy: Policy<unknown, M>, options: PickerOptions) {
    this.#policy = policy
    this.#options = options
    this.#decay = policy.decay ?? 10_000
    this.#state = policy.initial
    this.#endpoints = new Endpoints(options.outliers, options.panic)
  }

  get endpoints(): Iterable<Endpoint<M>> {
    return this.#endpoints.present
  }

  /** How long the last set of the former subscription is not used yet, ms; 0: it is used, or there is a newer one. */
  get freshFor(): number {
    return Math.max(0, this.#freshUntil - now())
  }

  /** The sets are followed again. */
  resume(): void {
    this.#latest = undefined
    this.#freshUntil = this.#set === undefined ? -Infinity : now() + Math.min(stale, this.#options.wait)
    this.#endpoints.resume()
  }

  /** Follows the next set. */
  follow(next: ServiceSet<M>): void {
    this.changes += 1
    this.#latest = next
    if (next.status !== 'pending' || next.trouble !== undefined) this.#freshUntil = -Infinity
    if (next.status === 'pending' && this.#set !== undefined) return
    if (next.status !== 'pending') this.#set = next
    this.#endpoints.follow(next, now())
  }

  /** The sets have failed. */
  fail(error: unknown): void {
    this.#freshUntil = -Infinity
    if (!(error instanceof Closed)) return
    this.#set = undefined
    this.#endpoints.follow(pendingSet(''), now())
  }

  /** The sets have ended: throws `Closed` if the registry was closed, `NoInstance` if there was no set. */
  complete(): void {
    this.#freshUntil = -Infinity
    const error = this.#latest?.trouble?.error
    if (error instanceof Closed) throw error
    if (this.#set === undefined && this.#latest === undefined) throw this.noInstance()
  }

  /** Ejects outliers if it is time. */
  sweep(): void {
    this.#sweep(now())
  }

  /** Chooses an endpoint, if possible one that was not tried; throws what the policy throws. */
  pick(key: string | undefined, tried: Ids): Endpoint<M> | undefined {
    const at = now()
    if (at < this.#freshUntil) return undefined
    this.#sweep(at)
    const candidates = this.#endpoints.readyFor(tried, at)
    if (candidates.size === 0) return undefined
    const { random, zones } = this.#options
    const [index, next] = this.#policy.choose(candidates, this.#state, { now: at, random, inFlight: this.#inFlight, key, zones })
    this.#state = next
    if (index === undefined) return undefined
    const endpoint = candidates.at(index)
    if (endpoint === undefined) throw new InvalidArgument('policy', `chose number ${String(index)} of ${candidates.size}, counted from 0`)
    return endpoint
  }

  /** Why no instance can be chosen. */
  noInstance(): NoInstance {
    const { service = '', status = 'pending', size = 0 } = this.#set ?? this.#latest ?? {}
    const trouble = this.#latest?.trouble ?? this.#set?.trouble
    const reason =
      status === 'pending' ? 'pending'
      : size === 0 ? 'empty'
      : this.#endpoints.ready(now()).size > 0 ? 'none chosen'
      : this.#endpoints.ejected ? 'all ejected'
      : 'none up'
    // A set that was never listed is not stale.
    return new NoInstance(service, reason, trouble && { cause: trouble.error, ...(status !== 'pending' && { staleSince: trouble.since }) })
  }

  /** Counts a call that begins. */
  began(endpoint: Endpoint<M>, at: number): void {
    this.changes += 1
    this.#inFlight += 1
    this.#endpoints.began(endpoint, at)
  }

  /** Takes back a call that was counted and then not made. */
  withdrawn(endpoint: Endpoint<M>): void {
    if (--endpoint.waiting === 0) endpoint.waitingSince = Infinity
    this.ended(endpoint)
  }

  /** Counts a first value: another process under a former id is trusted from now on. */
  prove(endpoint: Endpoint<M>): void {
    if (endpoint.unproven) this.#endpoints.prove(endpoint)
  }

  /** Learns how a call went that began at `start`; `first`: it taught nothing before. */
  learned(endpoint: Endpoint<M>, result: Outcome['result'], start: number, first: boolean): void {
    this.changes += 1
    const at = now()
    if (first) endpoint.waitingSince = --endpoint.waiting === 0 ? Infinity : at
    // nothing that comes after the answer says how long the answer took
    const sample = { result, latency: first ? at - start : 0, now: at }
    const { latency, failing, measuredAt } = learned(endpoint, sample, this.#decay)
    endpoint.latency = latency
    endpoint.failing = failing
    endpoint.measuredAt = measuredAt
    if (result !== 'abandoned') this.#endpoints.count(endpoint, result === 'failure', start, at)
    if (this.#policy.learn !== undefined) this.#state = this.#policy.learn(this.#state, { candidate: endpoint, ...sample })
  }

  /** Counts a call that has ended. */
  ended(endpoint: Endpoint<M>): void {
    this.changes += 1
    this.#inFlight -= 1
    this.#endpoints.ended(endpoint)
  }

  #sweep(at: number): void {
    if (this.#endpoints.sweep(at)) this.changes += 1
  }
}
