import { catchError, concatMap, defaultIfEmpty, defer, EMPTY, finalize, map, merge, of, repeat, Subject, take, tap, throwError, timeout as within } from 'rxjs'
import type { MonoTypeOperatorFunction, Observable, ObservableInput, Subscription } from 'rxjs'
import { checkedCounts, checkedDurations, checkedShare } from '../../core/arguments.js'
import type { ServiceInstance } from '../../core/instance/instance.js'
import { judged, observed, unprobed } from '../../core/sets/probing.js'
import type { ServiceSet } from '../../core/sets/service-set.js'
import { now } from '../clock.js'
import { toError } from '../../core/errors.js'
import { concurrencyLimit } from '../concurrency-limit.js'
import { wait } from '../wait.js'

/** Asks an instance whether it is well: its first value says so unless that is `false`, and so does completing without one; an error says it is not. */
export type Probe<M = unknown> = (instance: ServiceInstance<M>) => ObservableInput<unknown>

/** Options of {@link probe}; the defaults of rise and fall are HAProxy's. */
export interface ProbeOptions {
  /** How many checks in a row must pass until an instance that was taken down is up again. @default 2 */
  readonly rise?: number
  /** How many checks in a row must fail until an instance is taken down. @default 3 */
  readonly fall?: number
  /** From the beginning of one check of an instance to that of the next, ms; no check begins before the last one has ended. @default 5000 */
  readonly interval?: number
  /** A check that has said nothing for so long has failed, ms from its beginning. @default 1000 */
  readonly timeout?: number
  /** The share of `interval`, from 0 to 1, by which each varies, and within which the first check comes. @default 0.1 */
  readonly jitter?: number
  /** How many checks run at once; the others wait in the order in which they were due. @default 32 */
  readonly concurrency?: number
  /** Uniform in [0, 1). @default Math.random */
  readonly random?: () => number
}

const passes = (check: Observable<unknown>, timeout: number): Observable<boolean> =>
  check.pipe(
    take(1),
    map(value => value !== false),
    defaultIfEmpty(true),
    catchError(() => of(false)),
    within({ first: timeout, with: () => of(false) }),
  )

/**
 * The same sets with instances `down` that do not pass a check: each `up` one is checked every `interval` ms and believed until `fall` checks in a row
 * have failed, then not until `rise` have passed. What the registry says of the others stands, and they are not checked. An instance that moves or comes
 * back is believed anew. Stale sets go on being checked. Completes with its source, and errors with it or with `InvalidArgument`.
 */
export const probe =
  <M>(
    check: Probe<M>,
    {
      rise = 2,
      fall = 3,
      interval = 5_000,
      timeout = 1_000,
      jitter = 0.1,
      concurrency = 32,
      // eslint-disable-next-line no-restricted-properties -- a default; tests pass their own
      random = Math.random,
    }: ProbeOptions = {},
  ): MonoTypeOperatorFunction<ServiceSet<M>> =>
  source =>
    defer(() => {
      const wrong = checkedCounts({ rise, fall, interval, timeout, concurrency }) ?? checkedDurations({ interval, timeout }) ?? checkedShare({ jitter })
      if (wrong !== undefined) return throwError(() => wrong)
      const verdicts = new Subject<ServiceSet<M>>()
      const running = new Map<string, Subscription>()
      const inTurn = concurrencyLimit(concurrency)
      let state = unprobed<M>()

      const checks = (id: string): Observable<boolean> => {
        let next = 0
        const one = defer(() => {
          const instance = running.has(id) ? state.source.get(id) : undefined
          next = now() + interval * (1 + jitter * (2 * random() - 1))
          return instance === undefined ? EMPTY : passes(defer(() => check(instance)), timeout)
        })
        return wait(interval * jitter * random()).pipe(concatMap(() => one.pipe(inTurn(), repeat({ delay: () => wait(next - now()) }))))
      }

      const start = (id: string): void => {
        const checking = checks(id).subscribe({
          next: passed => {
            const before = state
            state = judged(before, id, passed, { rise, fall })
            if (state.result !== before.result) verdicts.next(state.result)
          },
          error: (error: unknown) => verdicts.error(toError(error)),
        })
        running.set(id, checking)
      }

      // All are forgotten before the first is left, since the turn that it gives up may be that of another of them.
      const stop = (ids: readonly string[]): void => {
        const left = ids.map(id => running.get(id))
        for (const id of ids) running.delete(id)
        for (const checking of left) checking?.unsubscribe()
      }

      const sets = source.pipe(
        map(set => {
          const { state: next, renewed, ended } = observed(state, set)
          state = next
          stop([...ended, ...renewed])
          renewed.forEach(start)
          return state.result
        }),
        tap({ complete: () => verdicts.complete() }),
      )
      return merge(verdicts, sets).pipe(finalize(() => stop([...running.keys()])))
    })
