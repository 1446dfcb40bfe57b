import { asyncScheduler, defer, filter, finalize, map, merge, of, startWith, switchMap, take, takeWhile, tap, throwError, type Observable } from 'rxjs'
import { checkedDurations, checkedPercents } from '../../core/arguments.js'
import { Closed, InvalidArgument, NoInstance } from '../../core/errors.js'
import type { ServiceInstance } from '../../core/instance/instance.js'
import { checkedOutliers, outliersOf, type OutlierOptions } from '../../core/balance/outliers.js'
import type { Policy } from '../../core/balance/policy.js'
import type { ServiceSet } from '../../core/sets/service-set.js'
import { picker } from './picker.js'
import { interval, now, timeout } from '../clock.js'
import { followedSets } from './followed-sets.js'
import type { Endpoint } from './ready-set.js'
import { toError } from '../../core/errors.js'
import { called, type Call, type Memory, type UseOptions } from './use.js'

export type { Call, UseOptions } from './use.js'

/** Options of {@link balance}. */
export interface BalanceOptions {
  /** Whether an error of a call is the instance's failure, and not its answer, such as a 404. @default all are */
  readonly failed?: (error: unknown) => boolean
  /** Who is left out for a while; `false`: nobody. @default five failures in a row, and rates far from the others' */
  readonly outliers?: OutlierOptions | false
  /** When fewer of those up are not ejected, %, ejections are ignored; 0: never. @default 50 */
  readonly panic?: number
  /** One's own zone, or several in the order of preference, for `zoneAware`. @default [] */
  readonly zone?: string | readonly string[]
  /** How long a call waits while there is nobody to choose, ms. @default 5000 */
  readonly wait?: number
  /** How long the sets are followed after the last call has ended, ms. @default 10000 */
  readonly linger?: number
  /** Uniform in [0, 1). @default Math.random */
  readonly random?: () => number
}

/** What a balancer knows of an instance. */
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
  /** Chooses, calls and learns, anew at each subscription; after a failure another instance is chosen, while there is one: `retry` does the rest. */
  readonly use: <T>(call: Call<M, T>, options?: UseOptions) => Observable<T>
  /** One choice per subscription; nothing is learned of what becomes of it. */
  readonly select: (options?: Pick<UseOptions, 'key'>) => Observable<ServiceInstance<M>>
  /** What is known of those that are there, by id: at once, then at most once a second. */
  readonly state$: Observable<ReadonlyMap<string, InstanceState>>
}

const sampled = 1000

const stateOf = ({ inFlight, latency, measuredAt, failed, ejectedUntil }: Endpoint<unknown>): InstanceState => ({
  inFlight,
  latency: measuredAt === -Infinity ? undefined : latency,
  failures: failed,
  ejectedUntil: ejectedUntil > now() ? asyncScheduler.now() + ejectedUntil - now() : undefined,
})

const wrongOf = (policy: { readonly choose?: unknown; readonly decay?: number | undefined } | undefined, random: unknown): InvalidArgument | undefined => {
  const { choose, decay = 1 } = policy ?? {}
  if (typeof choose !== 'function' || !(decay > 0 && decay < Infinity))
    return new InvalidArgument('policy', 'must be a policy, such as roundRobin(), and its decay a number of milliseconds')
  return typeof random === 'function' ? undefined : new InvalidArgument('random', 'must be a function')
}

/** Whether the sets have ended, so that nobody will come. */
const isEnd = (error: unknown): boolean => error instanceof Closed || error instanceof NoInstance

const wrongKey = (key: unknown): InvalidArgument | undefined =>
  key === undefined || typeof key === 'string' ? undefined : new InvalidArgument('key', `must be a string, not ${typeof key}`)

/**
 * Chooses among the instances that are up, by a policy that learns from the calls. It follows the sets from the first call on, stale ones too; what it
 * has learned of an instance is kept by id across all sets, and for a minute after it left. While there is nobody, calls wait, then error `NoInstance`.
 */
export const balance = <M, S>(
  set$: Observable<ServiceSet<M>>,
  policy: Policy<S, NoInfer<M>>,
  {
    failed = () => true,
    outliers = {},
    panic = 50,
    zone = [],
    wait = 5_000,
    linger = 10_000,
    // eslint-disable-next-line no-restricted-properties -- a default; what chooses takes it as an argument
    random = Math.random,
  }: BalanceOptions = {},
): Balancer<M> => {
  const sweeping = outliersOf(outliers)
  const wrong = wrongOf(policy, random) ?? checkedPercents({ panic }) ?? checkedDurations({ wait, linger }) ?? checkedOutliers(sweeping)
  if (wrong !== undefined) {
    const refused = throwError(() => wrong)
    return { use: () => refused, select: () => refused, state$: refused }
  }
  const chooser = picker(policy, { outliers: sweeping, panic, zones: typeof zone === 'string' ? [zone] : zone, random, failed })
  const { hold, news, failure } = followedSets(
    defer(() => {
      chooser.forget()
      return set$.pipe(tap({ next: chooser.follow, complete: chooser.over }))
    }),
    linger,
  )
  const held = <T>(source: () => Observable<T>): Observable<T> =>
    defer(() => {
      const release = hold()
      return defer(source).pipe(finalize(release))
    })

  const live = (): void => {
    const failing = failure()
    if (failing !== undefined) throw toError(failing.error)
  }

  /** The one chosen, now or as soon as there is one, and what becomes of it. */
  const chosen = <T>(key: string | undefined, { tried }: Memory, then: (member: Endpoint<M>) => Observable<T>): Observable<T> =>
    held(() => {
      const pick = (): Endpoint<M> | undefined => {
        live()
        return chooser.pick(key, tried)
      }
      const member = pick()
      return member !== undefined
        ? then(member)
        : // who was ejected is back without a word
          merge(news, interval(sampled)).pipe(
            map(pick),
            filter(picked => picked !== undefined),
            take(1),
            timeout({ first: wait, with: () => throwError(() => chooser.nobody()) }),
            switchMap(then),
          )
    })

  return {
    use: (call, options = {}) => {
      const memory: Memory = { tried: new Map(), failures: 0 }
      const wrongUse = wrongKey(options.key) ?? checkedDurations({ timeout: options.timeout ?? 0 })
      return wrongUse === undefined ? chosen(options.key, memory, member => called(call, member, memory, chooser, options)) : throwError(() => wrongUse)
    },
    select: ({ key } = {}) => {
      const wrongSelect = wrongKey(key)
      return wrongSelect === undefined ? chosen(key, { tried: new Map(), failures: 0 }, ({ instance }) => of(instance)) : throwError(() => wrongSelect)
    },
    state$: held(() => {
      let seen = -1
      return merge(interval(sampled).pipe(startWith(0)), news.pipe(filter(() => failure() !== undefined))).pipe(
        map(failure),
        takeWhile(failing => !isEnd(failing?.error)),
        tap(live),
        tap(chooser.sweep),
        filter(() => seen !== (seen = chooser.touched())),
        map(() => new Map(Array.from(chooser.members(), (member): [string, InstanceState] => [member.id, stateOf(member)]))),
      )
    }),
  }
}
