import type { ServiceInstance } from '../instance/instance.js'

/** An instance that may be chosen, with its call statistics. It goes on changing: read it inside `choose` and `learn` only. */
export interface Candidate<M = unknown> {
  readonly id: string
  readonly instance: ServiceInstance<M>
  /** More than 0; 1 for all instances if all weights are 0. */
  readonly weight: number
  /** Calls that have not ended. */
  readonly inFlight: number
  /** Since when calls have waited without any first answer, monotonic ms; Infinity: no call waits. */
  readonly waitingSince: number
  /** Peak EWMA of the latency as of `measuredAt`, ms. */
  readonly latency: number
  /** EWMA of failures as of `measuredAt`, from 0 (none) to 1 (all). */
  readonly failing: number
  /** When the statistics last changed, monotonic ms; -Infinity: never. */
  readonly measuredAt: number
  /** Since when it can be chosen, monotonic ms; -Infinity: since before the balancer followed its set. */
  readonly since: number
}

/** The instances that may be chosen, in an order that stays the same while none of them comes or goes. */
export interface Candidates<M = unknown> {
  readonly size: number
  /** The candidate at an index from 0, in constant time. */
  readonly at: (index: number) => Candidate<M> | undefined
  /** The index of a candidate, in constant time. */
  readonly indexOf: (id: string) => number | undefined
  /** Changes whenever a candidate comes, goes or is updated. */
  readonly version: number
  /** How many there would be without ejections. */
  readonly up: number
  /** When the last of them came, monotonic ms; -Infinity: before the balancer followed the sets. */
  readonly newest: number
  /** The candidates with the ejected instances, and with those that the same call has tried already: build tables of these. */
  readonly all: Candidates<M>
  /** The candidates in a zone. */
  readonly in: (zone: string) => Candidates<M>
}

/** What a choice may depend on besides the candidates. */
export interface Context {
  /** Monotonic ms. */
  readonly now: number
  /** Uniform in [0, 1). */
  readonly random: () => number
  /** Calls that have not ended, of all instances. */
  readonly inFlight: number
  /** The `key` of the call. */
  readonly key: string | undefined
  /** The caller's own zone, and further ones in the order of preference. */
  readonly zones: readonly string[]
}

/** How a call ended, or that it was answered. */
export interface Outcome<M = unknown> {
  readonly candidate: Candidate<M>
  /** `abandoned`: unsubscribed before the first answer. */
  readonly result: 'success' | 'failure' | 'abandoned'
  /** The duration of the call, ms; a lower bound if it was abandoned. */
  readonly latency: number
  /** Monotonic ms. */
  readonly now: number
}

/**
 * Chooses one of many instances: a pure step from candidates and a state to an index (`undefined`: none of them) and the next state.
 * The balancer keeps the statistics of each candidate; `learn` is for anything else that a policy wants to know.
 */
// `any`, so that a policy of any state is a `Policy`: only the policy itself reads its state
// eslint-disable-next-line @typescript-eslint/no-explicit-any
export interface Policy<S = any, M = unknown> {
  readonly initial: S
  readonly choose: (candidates: Candidates<M>, state: S, context: Context) => readonly [index: number | undefined, next: S]
  readonly learn?: ((state: S, outcome: Outcome<M>) => S) | undefined
  /** The time constant τ of the EWMAs of latency and failures, ms. @default 10000 */
  readonly decay?: number | undefined
}
