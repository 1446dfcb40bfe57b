import { catchError, concatMap, defaultIfEmpty, defer, EMPTY, finalize, map, merge, of, repeat, Subject, take, tap } from 'rxjs'
import type { MonoTypeOperatorFunction, Observable, ObservableInput, Subscription } from 'rxjs'
import { callIt, count, invalidArguments, invalidOptions, period, randomSource, share, type Checks } from '../../core/arguments.js'
import { flaw, invalid, must, throwIfInvalid } from '../../core/validation.js'
import { toError } from '../../core/errors.js'
import type { ServiceInstance } from '../../core/instance/instance.js'
import { initialProbing, probingAfterCheck, probingAfterSet } from '../../core/sets/probing.js'
import type { ServiceSet } from '../../core/sets/service-set.js'
import { background, now, timeout as within } from '../clock.js'
import { concurrencyLimit } from '../concurrency-limit.js'
import { wait } from '../wait.js'
import { isProbeFactory } from './probe-factories.js'

/**
 * Checks one instance. The check passes if its first value is anything but `false`, or if it completes without a value; it fails if that value is
 * `false`, or if it errors or throws.
 */
export type Probe<M = unknown> = (instance: ServiceInstance<M>) => ObservableInput<unknown>

/** Options of {@link probe}. The defaults of `rise` and `fall` are those of HAProxy. */
export interface ProbeOptions {
  /** How many checks in a row must pass until an instance that was taken down is up again. @default 2 */
  readonly rise?: number
  /** How many checks in a row must fail until an instance is taken down. @default 3 */
  readonly fall?: number
  /** From the start of one check of an instance to the start of the next, ms. No check starts before the last one has ended. @default 5000 */
  readonly interval?: number
  /** A check without a value for so long has failed, ms from its start. @default 1000 */
  readonly timeout?: number
  /** The share of `interval`, from 0 to 1, by which each interval varies, and within which the first check starts. @default 0.1 */
  readonly jitter?: number
  /** How many checks run at once at most. The others wait in the order in which they were due. @default 32 */
  readonly concurrency?: number
  /** Returns numbers distributed uniformly in [0, 1). @default Math.random */
  readonly random?: () => number
}

const optionChecks = (): Checks<ProbeOptions> => ({
  rise: count,
  fall: count,
  interval: period,
  timeout: period,
  jitter: share,
  concurrency: count,
  random: randomSource,
})

const checkText = 'be a check, such as httpProbe() or instance => an Observable'
const checkCheck = /* @__PURE__ */ must(value => typeof value === 'function' && !isProbeFactory(value), checkText, callIt)

/** Whether one check passes; see {@link Probe}. It errors only with `fatal`. */
export const passes = (check: Observable<unknown>, timeout: number, fatal?: Error): Observable<boolean> =>
  check.pipe(
    take(1),
    map(value => value !== false),
    defaultIfEmpty(true),
    catchError((error: unknown) => {
      if (fatal !== undefined && error === fatal) throw fatal
      return of(false)
    }),
    within({ first: timeout, with: () => of(false) }),
  )

/**
 * Shows instances that fail a check as `down`. It checks each `up` instance every `interval` ms; after `fall` failures in a row the instance is `down`,
 * and after `rise` passes in a row it is `up` again. Instances with another status are not checked and stay as they are. An instance that is new, moves
 * or comes back is `up` until checks fail. Stale sets are checked too. Completes when its source completes; errors if its source errors, or with
 * `InvalidArgument`.
 *
 * @example discover(registry, 'web').pipe(probe(httpProbe({ path: '/health' })))
 */
export const probe =
  <M>(check: Probe<M>, options?: ProbeOptions): MonoTypeOperatorFunction<ServiceSet<M>> =>
  source =>
    defer(() => {
      throwIfInvalid(invalidArguments('probe(check, options)', ['check', checkCheck, check]) ?? invalidOptions('probe', options, optionChecks()))
      // eslint-disable-next-line no-restricted-properties -- a default; tests pass their own
      const { rise = 2, fall = 3, interval = 5_000, timeout = 1_000, jitter = 0.1, concurrency = 32, random = Math.random } = options ?? {}
      const uncalled = invalid('check', flaw(`must ${checkText}`, check, callIt(check)))
      const flips = new Subject<ServiceSet<M>>()
      const checking = new Map<string, Subscription>()
      const limited = concurrencyLimit(concurrency)
      let state = initialProbing<M>()

      // if the check returns a function, it is a factory that was not called
      const checkOf = (instance: ServiceInstance<M>): Observable<unknown> =>
        defer(() => {
          const answer: unknown = check(instance)
          if (typeof answer === 'function') throw uncalled
          return answer as ObservableInput<unknown>
        })
      const checks = (id: string): Observable<boolean> => {
        let next = 0
        const one = defer(() => {
          const instance = checking.has(id) ? state.source.get(id) : undefined
          next = now() + interval * (1 + jitter * (2 * random() - 1))
          return instance === undefined ? EMPTY : passes(checkOf(instance), timeout, uncalled)
        })
        return wait(interval * jitter * random(), background).pipe(concatMap(() => one.pipe(limited(), repeat({ delay: () => wait(next - now(), background) }))))
      }

      const start = (id: string): void => {
        const subscription = checks(id).subscribe({
          next: passed => {
            const before = state
            state = probingAfterCheck(before, id, passed, { rise, fall })
            if (state.result !== before.result) flips.next(state.result)
          },
          error: (error: unknown) => flips.error(toError(error)),
        })
        checking.set(id, subscription)
      }

      // Delete all ids first: unsubscribing from one check starts the next one that waits, which may be another of these.
      const stop = (ids: readonly string[]): void => {
        const stopped = ids.map(id => checking.get(id))
        for (const id of ids) checking.delete(id)
        for (const subscription of stopped) subscription?.unsubscribe()
      }

      const sets = source.pipe(
        map(set => {
          const { state: next, started, stopped } = probingAfterSet(state, set)
          state = next
          stop([...stopped, ...started])
          started.forEach(start)
          return state.result
        }),
        tap({ complete: () => flips.complete() }),
      )
      return merge(flips, sets).pipe(finalize(() => stop([...checking.keys()])))
    })
