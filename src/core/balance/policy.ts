import type { ServiceInstance } from '../instance/instance.js'

/** One that may be chosen, and what is known of it. It goes on changing: read it while choosing or learning. */
export interface Candidate<M = unknown> {
  readonly id: string
  readonly instance: ServiceInstance<M>
  /** More than 0; everybody's is 1 when all weights are 0. */
  readonly weight: number
  /** Calls that have not ended. */
  readonly inFlight: number
  /** Since when calls wait for a first answer while none came, ms; Infinity: no call waits. */
  readonly waitingSince: number
  /** Peak EWMA of the latency as of `measuredAt`, ms. */
  readonly latency: number
  /** EWMA of failures as of `measuredAt`, from 0 (none) to 1 (all). */
  readonly failing: number
  /** When something was last learned of it, ms; -Infinity: never. */
  readonly measuredAt: number
  /** Since when it can be chosen, ms; -Infinity: since before we looked. */
  readonly since: number
}

/** Those that may be chosen, in an order that stays as it is while nobody comes or goes. */
export interface Candidates<M = unknown> {
  readonly size: number
  /** The candidate at an index from 0, in constant time. */
  readonly at: (index: number) => Candidate<M> | undefined
  /** Where a candidate is, in constant time. */
  readonly indexOf: (id: string) => number | undefined
  /** Another number whenever somebody came, went or was updated. */
  readonly version: number
  /** How many there would be, were none ejected. */
  readonly up: number
  /** When the last of them came, ms; -Infinity: before we looked. */
  readonly newest: number
  /** With those that the same call has tried already: what to build a table of. */
  readonly all: Candidates<M>
  /** Those in a zone. */
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
  /** What the call was given as its key. */
  readonly key: string | undefined
  /** One's own zone, and further ones in the order of preference. */
  readonly zones: readonly string[]
}

/** How a call ended, or that it was answered. */
export interface Outcome<M = unknown> {
  readonly candidate: Candidate<M>
  /** `abandoned`: unsubscribed before it was answered. */
  readonly result: 'success' | 'failure' | 'abandoned'
  /** How long it took, ms; if abandoned, how long at least. */
  readonly latency: number
  /** Monotonic ms. */
  readonly now: number
}

/**
 * How one of many is chosen: a pure step from candidates and a state to an index (`undefined`: nobody) and the next state.
 * What is known of single candidates is kept for it; `learn` is for what it wants to know besides.
 */
export interface Policy<S = unknown, M = unknown> {
  readonly initial: S
  readonly choose: (candidates: Candidates<M>, state: S, context: Context) => readonly [index: number | undefined, next: S]
  readonly learn?: (state: S, outcome: Outcome<M>) => S
  /** The time constant τ of the EWMAs of latency and failures, ms. @default 10000 */
  readonly decay?: number
}
