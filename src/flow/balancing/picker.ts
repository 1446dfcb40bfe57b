import { Closed, InvalidArgument, NoInstance } from '../../core/errors.js'
import type { Outliers } from '../../core/balance/outliers.js'
import type { Outcome, Policy } from '../../core/balance/policy.js'
import type { ServiceSet } from '../../core/sets/service-set.js'
import { learned } from '../../core/balance/statistics.js'
import { now } from '../clock.js'
import { Endpoints } from './endpoints.js'
import type { ReadyEndpoints, Endpoint } from './ready-set.js'
import type { Reporting } from './use.js'

/** Options of {@link picker}. */
export interface PickerOptions {
  readonly outliers: Outliers
  readonly panic: number
  readonly zones: readonly string[]
  readonly random: () => number
  readonly failed: (error: unknown) => boolean
}

/** What a policy chooses from, and the state it has come to. */
export interface Picker<M> extends Reporting<M> {
  readonly forget: () => void
  readonly follow: (set: ServiceSet<M>) => void
  /** The sets have ended; throws `Closed` if the registry was closed, `NoInstance` if there was none: then nobody will come. */
  readonly over: () => void
  /** Looks whom to eject, if it is time. */
  readonly sweep: () => void
  /** Who is chosen, if anybody; throws when the policy does, or chooses a stranger. */
  readonly pick: (key: string | undefined, tried: ReadonlyMap<string, unknown>) => Endpoint<M> | undefined
  readonly noInstance: () => NoInstance
  readonly endpoints: () => Iterable<Endpoint<M>>
  /** Another number whenever something has changed. */
  readonly touched: () => number
}

/** Carries a policy through sets, calls and time. */
export const picker = <M, S>(policy: Policy<S, M>, { outliers, panic, zones, random, failed }: PickerOptions): Picker<M> => {
  const { choose, learn, decay = 10_000 } = policy
  const endpoints = new Endpoints<M>(outliers, panic)
  let state = policy.initial
  let set: ServiceSet<M> | undefined
  let inFlight = 0
  let touched = 0
  const sweep = (at: number): void => {
    if (endpoints.sweep(at)) touched += 1
  }
  const noInstance = (): NoInstance => {
    const { service = '', status = 'pending', size = 0, trouble } = set ?? {}
    const reason =
      status === 'pending' ? 'pending'
      : size === 0 ? 'empty'
      : endpoints.ready(now()).size > 0 ? 'none chosen'
      : endpoints.ejected ? 'all ejected'
      : 'none up'
    return new NoInstance(service, reason, trouble && { cause: trouble.error, staleSince: trouble.since })
  }
  return {
    failed,
    touched: () => touched,
    endpoints: () => endpoints.present,
    forget: () => {
      set = undefined
      endpoints.forget(now())
    },
    follow: next => {
      touched += 1
      set = next
      endpoints.follow(next, now())
    },
    over: () => {
      const error = set?.trouble?.error
      if (error instanceof Closed) throw error
      if (set === undefined) throw noInstance()
    },
    sweep: () => sweep(now()),
    pick: (key, tried) => {
      const at = now()
      sweep(at)
      const ready = endpoints.ready(at)
      if (ready.size === 0) return undefined
      const untried: ReadyEndpoints<M> = tried.size === 0 ? ready : ready.without(tried)
      const candidates = untried.size === 0 ? ready : untried
      const [index, next] = choose(candidates, state, { now: at, random, inFlight, key, zones })
      state = next
      if (index === undefined) return undefined
      const endpoint = candidates.at(index)
      if (endpoint === undefined) throw new InvalidArgument('policy', `chose number ${String(index)} of ${candidates.size}, counted from 0`)
      return endpoint
    },
    began: (endpoint, at) => {
      touched += 1
      inFlight += 1
      endpoint.inFlight += 1
      if (endpoint.waiting++ === 0) endpoint.waitingSince = at
    },
    ended: endpoint => {
      touched += 1
      inFlight -= 1
      endpoint.inFlight -= 1
    },
    learned: (endpoint, outcome: Outcome<M>, first) => {
      const { result, now: at } = outcome
      touched += 1
      if (first) endpoint.waitingSince = --endpoint.waiting === 0 ? Infinity : at
      const { latency, failing, measuredAt } = learned(endpoint, outcome, decay)
      endpoint.latency = latency
      endpoint.failing = failing
      endpoint.measuredAt = measuredAt
      if (result !== 'abandoned') endpoints.count(endpoint, result === 'failure', at)
      if (learn !== undefined) state = learn(state, outcome)
    },
    noInstance,
  }
}
