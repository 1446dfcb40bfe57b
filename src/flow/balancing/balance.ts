import { asyncScheduler, defer, filter, finalize, map, merge, startWith, take, takeWhile, tap, throwError, EMPTY, type Observable, type ObservableInput, type ObservedValueOf } from 'rxjs'
import { abortSignal, duration, durationOrForever, functionOf, invalidArguments, invalidOptions, notNegative, optionsOrFalse, percent, policy as policyCheck, randomSource, setsObservable, text, type Checks } from '../../core/arguments.js'
import { invalidIf, must, oneOf } from '../../core/validation.js'
import { Closed, InvalidArgument, NoInstance, toError } from '../../core/errors.js'
import type { ServiceInstance } from '../../core/instance/instance.js'
import { outlierOptions, outliersOf, type OutlierOptions } from '../../core/balance/outliers.js'
import type { Policy } from '../../core/balance/policy.js'
import type { ServiceSet } from '../../core/sets/service-set.js'
import { interval, now, timeout, timer } from '../clock.js'
import { FollowedSets } from './followed-sets.js'
import { Picker } from './picker.js'
import type { Endpoint } from './ready-set.js'
import { RetryBudget, type RetryBudgetLimits, type RetryBudgetOptions } from './retry-budget.js'
import { newMemory, type Memory } from './try.js'
import { used, type Call, type Shared, type UseOptions } from './use.js'

export type { Call, UseOptions } from './use.js'
export type { RetryBudgetOptions } from './retry-budget.js'

/** Options of {@link balance}. */
export interface BalanceOptions {
  /** Whether an error of a call is the instance's failure; `false` for an answer such as a 404. @default all errors are */
  readonly failed?: ((error: unknown) => boolean) | undefined
  /** Which instances are ejected for a while; `false`: none. @default five failures in a row, and rates far from the others' */
  readonly outliers?: OutlierOptions | false | undefined
  /** If fewer of the instances that are up are not ejected, %, ejections are ignored; 0: never. @default 50 */
  readonly panic?: number | undefined
  /** The caller's own zone, or several in the order of preference, for `zoneAware`; '': none. @default [] */
  readonly zone?: string | readonly string[] | undefined
  /** How long a call waits while there is no instance to choose, ms. @default 5000 */
  readonly wait?: number | undefined
  /** How long the sets are followed after the last call has ended, ms; Infinity: for ever. The last set is kept after that. @default 10000 */
  readonly linger?: number | undefined
  /** How many retries all calls together may make; `false`: any number. @default 20 % of the calls and 10 a second, over 10 s */
  readonly retryBudget?: RetryBudgetOptions | false | undefined
  /** Uniform in [0, 1). @default Math.random */
  readonly random?: (() => number) | undefined
}

/** The call statistics of an instance. */
export interface InstanceState {
  /** Calls that have not ended. */
  readonly inFlight: number
  /** Peak EWMA, ms; `undefined` before the first answer. */
  readonly latency: number | undefined
  /** In all. */
  readonly failures: number
  /** Until when it is ejected, epoch ms; `undefined`: it is not. */
  readonly ejectedUntil: number | undefined
}

/** Chooses an instance for each call. */
export interface Balancer<M = unknown> {
  /** Chooses an instance, calls it and learns how it went, again at each subscription. Errors with what the call errors with, RxJS's `TimeoutError`, `NoInstance`, `InvalidArgument`, the reason of `signal`, or the error of the sets. */
  readonly use: <O extends ObservableInput<unknown>>(call: (instance: ServiceInstance<M>, signal: AbortSignal) => O, options?: UseOptions) => Observable<ObservedValueOf<O>>
  /** One choice per subscription; the balancer does not learn what becomes of it. */
  readonly select: (options?: Pick<UseOptions, 'key'>) => Observable<ServiceInstance<M>>
  /** The statistics of the present instances by id: at once, then at most once a second. */
  readonly state$: Observable<ReadonlyMap<string, InstanceState>>
}

const sampled = 1000

const stateOf = ({ inFlight, latency, measuredAt, failed, ejectedUntil }: Endpoint<unknown>): InstanceState => ({
  inFlight,
  latency: measuredAt === -Infinity ? undefined : latency,
  failures: failed,
  ejectedUntil: ejectedUntil > now() ? asyncScheduler.now() + ejectedUntil - now() : undefined,
})

const setNames = must(value => typeof value === 'string' || (Array.isArray(value) && value.every(name => typeof name === 'string')), 'be the name of a zone, or a list of names')

const balanceChecks = (): Checks<BalanceOptions> => ({
  failed: functionOf('a function that returns whether an error is a failure of the instance'),
  outliers: outlierOptions,
  panic: percent(),
  zone: setNames,
  wait: duration,
  linger: durationOrForever,
  retryBudget: optionsOrFalse<RetryBudgetOptions>('retryBudget', {
    share: percent(Infinity),
    perSecond: notNegative,
    window: must(value => duration(value) === undefined && Number(value) >= 1, 'be a number of milliseconds, 1 or more'),
  }),
  random: randomSource,
})

const useChecks = (): Checks<UseOptions> => ({
  key: text,
  timeout: duration,
  deadline: duration,
  retries: notNegative,
  retryable: functionOf('a function that returns whether to call another instance after an error'),
  signal: abortSignal,
  latency: oneOf('first', 'complete'),
})

const callCheck = functionOf('a function of an instance, such as instance => fetch(url)')

const budgetOf = (options: RetryBudgetOptions | false): RetryBudgetLimits | undefined => {
  if (options === false) return undefined
  const { share = 20, perSecond = 10, window = 10_000 } = options
  return { share, perSecond, window }
}

/** Whether the sets have ended, so that no instance will come. */
const isEnd = (error: unknown): boolean => error instanceof Closed || error instanceof NoInstance

const refusing = <M>(error: InvalidArgument): Balancer<M> => {
  const refused = throwError(() => error)
  return { use: () => refused, select: () => refused, state$: refused }
}

/** How to balance; the overload that takes a union of policies cannot infer their states. */
interface Balance {
  <M, S>(set$: Observable<ServiceSet<M>>, policy: Policy<S, NoInfer<M>>, options?: BalanceOptions): Balancer<M>
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- as in Policy itself
  <M>(set$: Observable<ServiceSet<M>>, policy: Policy<any, NoInfer<M>>, options?: BalanceOptions): Balancer<M>
}

/**
 * Chooses among the instances that are up, by a policy that learns from the calls. It follows the sets from the first call on. Statistics are kept by id
 * across all sets, and for a minute after an instance left; the last set is kept, too, and used while there is no newer one, such as in an outage.
 * While there is no instance, calls wait, then error `NoInstance`.
 */
export const balance: Balance = <M>(
  set$: Observable<ServiceSet<M>>,
  policy: Policy<unknown, M>,
  options?: BalanceOptions,
): Balancer<M> => {
  const wrong =
    invalidArguments('balance(set$, policy, options)', ['set$', setsObservable, set$], ['policy', policyCheck, policy]) ?? invalidOptions('balance', options, balanceChecks())
  if (wrong !== undefined) return refusing(wrong)
  // eslint-disable-next-line no-restricted-properties -- a default; what chooses takes it as an argument
  const { failed = () => true, outliers = {}, panic = 50, zone = [], wait = 5_000, linger = 10_000, retryBudget = {}, random = Math.random } = options ?? {}
  const budget = budgetOf(retryBudget)

  const zones = (typeof zone === 'string' ? [zone] : zone).filter(name => name !== '')
  const picker = new Picker<M>(policy, { outliers: outliersOf(outliers), panic, zones, random, wait })
  const sets = new FollowedSets<ServiceSet<M>>(set$, linger, {
    start: () => picker.resume(),
    next: set => picker.follow(set),
    error: error => picker.fail(error),
    complete: () => picker.complete(),
  })
  const pick = (key: string | undefined, { tried }: Memory): Endpoint<M> | undefined => {
    const endpoint = picker.pick(key, tried)
    if (endpoint === undefined && sets.failure !== undefined) throw toError(sets.failure.error)
    return endpoint
  }
  const waitFor = (key: string | undefined, memory: Memory): Observable<Endpoint<M>> =>
    defer(() => {
      // it has waited already: a retry is not to wait as long again
      if (now() - memory.emptyAt < wait) return throwError(() => picker.noInstance())
      // an ejection ends without a set, and a set of a former subscription is used after a while
      const { freshFor } = picker
      return merge(sets.news, interval(sampled), freshFor > 0 ? timer(Math.ceil(freshFor)) : EMPTY).pipe(
        map(() => pick(key, memory)),
        filter(endpoint => endpoint !== undefined),
        take(1),
        timeout({
          first: wait,
          with: () => {
            memory.emptyAt = now()
            return throwError(() => picker.noInstance())
          },
        }),
      )
    })
  const shared: Shared<M> = { picker, sets, budget: budget && new RetryBudget(budget), failed, pick, wait: waitFor }
  const following = <T>(source: () => Observable<T>): Observable<T> =>
    defer(() => {
      sets.enter()
      return defer(source).pipe(finalize(() => sets.leave()))
    })

  return {
    use: <O extends ObservableInput<unknown>>(call: (instance: ServiceInstance<M>, signal: AbortSignal) => O, useOptions?: UseOptions) => {
      const refused = invalidIf('call', callCheck, call) ?? invalidOptions('use', useOptions, useChecks())
      return refused === undefined ? used(call as Call<M, ObservedValueOf<O>>, useOptions ?? {}, newMemory(), shared) : throwError(() => refused)
    },
    select: selectOptions => {
      const refused = invalidOptions('select', selectOptions, { key: text })
      if (refused !== undefined) return throwError(() => refused)
      const { key } = selectOptions ?? {}
      const memory = newMemory()
      return following(() => {
        const endpoint = pick(key, memory)
        return (endpoint === undefined ? waitFor(key, memory) : defer(() => [endpoint])).pipe(map(({ instance }) => instance))
      })
    },
    state$: following(() => {
      let seen = -1
      return merge(interval(sampled).pipe(startWith(0)), sets.news.pipe(filter(() => sets.failure !== undefined))).pipe(
        map(() => sets.failure),
        takeWhile(failure => !isEnd(failure?.error)),
        tap(failure => {
          if (failure !== undefined) throw toError(failure.error)
          picker.sweep()
        }),
        filter(() => seen !== (seen = picker.changes)),
        map(() => new Map(Array.from(picker.endpoints, (endpoint): [string, InstanceState] => [endpoint.id, stateOf(endpoint)]))),
      )
    }),
  }
}
