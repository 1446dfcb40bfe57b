import { defer, finalize, NEVER, takeUntil, tap, throwError, TimeoutError, type Observable, type ObservableInput } from 'rxjs'
import type { ServiceInstance } from '../../core/instance/instance.js'
import type { Outcome } from '../../core/balance/policy.js'
import { now, timeout } from '../clock.js'
import type { Endpoint } from './ready-set.js'

/** What a call is: given an instance, and a signal that is aborted when nobody waits for it any more. */
export type Call<M, T> = (instance: ServiceInstance<M>, signal: AbortSignal) => ObservableInput<T>

/** Options of `use`. */
export interface UseOptions {
  /** What the call is about, for policies that choose by it. */
  readonly key?: string
  /** How long it may take, as `latency` says, before it failed, ms. @default no limit */
  readonly timeout?: number
  /** What its latency is: the time to its first value, or to its completion. @default 'first' */
  readonly latency?: 'first' | 'complete'
}

/** Who failed since the last success of a call, so that its next try goes elsewhere. */
export interface Memory {
  readonly tried: Map<string, number>
  failures: number
}

/** What a call tells the balancer. */
export interface Reporting<M> {
  readonly began: (member: Endpoint<M>, now: number) => void
  /** `first`: nothing was learned from this call before. */
  readonly learned: (member: Endpoint<M>, outcome: Outcome<M>, first: boolean) => void
  readonly ended: (member: Endpoint<M>) => void
  readonly failed: (error: unknown) => boolean
}

const isPromise = (value: unknown): boolean => typeof (value as PromiseLike<unknown> | undefined)?.then === 'function'

const limited = <T>(source: Observable<T>, { id, address }: ServiceInstance, { latency, timeout: limit = 0 }: UseOptions): Observable<T> => {
  // eslint-disable-next-line @typescript-eslint/no-deprecated -- RxJS's own says nothing of what took too long
  const late = throwError(() => Object.assign(new TimeoutError(), { message: `${id} (${address}) took longer than ${limit} ms` }))
  const bounds = { first: limit, with: () => late }
  return source.pipe(latency === 'complete' ? takeUntil(NEVER.pipe(timeout(bounds))) : timeout(bounds))
}

/** One call to a chosen instance: begun when subscribed, and ended exactly once, however it ends, before anybody downstream learns of it. */
export const called = <M, T>(call: Call<M, T>, member: Endpoint<M>, memory: Memory, reporting: Reporting<M>, options: UseOptions): Observable<T> =>
  defer(() => {
    const { began, learned, ended, failed } = reporting
    const controller = new AbortController()
    const start = now()
    const known = memory.failures
    let [promised, valued, answered, done] = [false, false, false, false]
    const tell = (result: Outcome<M>['result']): void => {
      const first = !answered
      const at = now()
      answered = true
      // what comes after the answer says nothing of how long that took
      learned(member, { candidate: member, result, latency: first ? at - start : 0, now: at }, first)
    }
    const answer = (): void => {
      if (answered) return
      tell('success')
      for (const [id, failure] of memory.tried) if (failure <= known) memory.tried.delete(id)
    }
    const end = (result: Outcome<M>['result']): void => {
      if (done) return
      done = true
      ended(member)
      if (result === 'success') {
        answer()
        return
      }
      if (result === 'failure' || !valued) memory.tried.set(member.id, ++memory.failures)
      if (result === 'failure' || !answered) tell(result)
    }
    began(member, start)
    const answers = defer(() => {
      const input = call(member.instance, controller.signal)
      promised = isPromise(input)
      return input
    })
    return (options.timeout === undefined ? answers : limited(answers, member.instance, options)).pipe(
      tap({
        next: () => {
          valued = true
          // a promise that has resolved has ended, and what it resolved with must not be aborted by whoever unsubscribes now
          if (promised) end('success')
          else if (options.latency !== 'complete') answer()
        },
        error: (error: unknown) => {
          let failure = true
          try {
            failure = error instanceof TimeoutError || failed(error)
          } finally {
            end(failure ? 'failure' : 'success')
            controller.abort()
          }
        },
        complete: () => end('success'),
      }),
      finalize(() => {
        if (!done) controller.abort()
        end('abandoned')
      }),
    )
  })
