import { from, Observable, Subscription, TimeoutError, type ObservableInput, type Subscriber } from 'rxjs'
import { Closed, InvalidArgument, NoInstance } from '../../core/errors.js'
import type { ServiceInstance } from '../../core/instance/instance.js'
import { now, timers } from '../clock.js'
import { subscribeWithin } from '../subscribe-within.js'
import type { FollowedSets } from './followed-sets.js'
import type { Picker } from './picker.js'
import type { Endpoint } from './ready-set.js'
import type { RetryBudget } from './retry-budget.js'
import { Try, type Memory } from './try.js'

/**
 * A call: is given an instance, and a signal that is aborted when the caller unsubscribes, and when the call fails. The signal is made only for a function
 * that declares two parameters: with rest parameters, a default value or `arguments` the second argument is `undefined`.
 */
export type Call<M, T> = (instance: ServiceInstance<M>, signal: AbortSignal) => ObservableInput<T>

/** Options of `use`. */
export interface UseOptions {
  /** For policies that choose by it, such as `consistentHash`. */
  readonly key?: string | undefined
  /** How long one try may take, as `latency` says, ms. A try that takes longer is the instance's failure. @default no limit */
  readonly timeout?: number | undefined
  /** How long all tries may take, as `latency` says, with the time in which there is no instance, ms. It is no instance's failure. @default no limit */
  readonly deadline?: number | undefined
  /** How often a call that failed is tried again, each time with another instance while there is one. A call that has emitted a value is not. @default 0 */
  readonly retries?: number | undefined
  /** Whether to try again after an error. Never asked about `NoInstance`, `InvalidArgument` and `Closed`, which end the call. @default `failed` of the balancer */
  readonly retryable?: ((error: unknown) => boolean) | undefined
  /** Ends the call when it is aborted: it errors with the signal's reason. */
  readonly signal?: AbortSignal | undefined
  /** Whether the latency of a call, its timeout and its deadline last to its first value, or to its completion. @default 'first' */
  readonly latency?: 'first' | 'complete' | undefined
}

/** What all calls of a balancer share. */
export interface Shared<M> {
  readonly picker: Picker<M>
  readonly sets: Pick<FollowedSets<unknown>, 'enter' | 'leave'>
  readonly budget: RetryBudget | undefined
  readonly failed: (error: unknown) => boolean
  /** An endpoint, if there is one now; throws the error of the sets if there is none. */
  readonly pick: (key: string | undefined, memory: Memory) => Endpoint<M> | undefined
  /** An endpoint as soon as there is one; errors `NoInstance`. */
  readonly wait: (key: string | undefined, memory: Memory) => Observable<Endpoint<M>>
}

const isPromise = <T>(value: ObservableInput<T>): value is PromiseLike<T> => typeof (value as Partial<PromiseLike<T>> | undefined)?.then === 'function'

// a call that does not declare the signal does not look at it
const noController: AbortController = Object.create(null) as AbortController

const isFinal = (error: unknown): boolean => error instanceof NoInstance || error instanceof InvalidArgument || error instanceof Closed

// eslint-disable-next-line @typescript-eslint/no-deprecated -- RxJS's own message does not say what took too long
const tooLate = (message: string): TimeoutError => Object.assign(new TimeoutError(), { message })

// By hand, since this is on the way of every call: the same out of `defer`, `tap`, `timeout`, `retry` and `finalize` takes about 8 µs instead of 2.
class CallRun<M, T> {
  readonly #subscriber: Subscriber<T>
  readonly #call: Call<M, T>
  readonly #options: UseOptions
  readonly #memory: Memory
  readonly #shared: Shared<M>
  #try: Try<M> | undefined
  #waiting: Subscription | undefined
  #deadline: Subscription | undefined
  #emitted = false
  #tries = 0
  #looping = false
  #again = false

  constructor(subscriber: Subscriber<T>, call: Call<M, T>, options: UseOptions, memory: Memory, shared: Shared<M>) {
    this.#subscriber = subscriber
    this.#call = call
    this.#options = options
    this.#memory = memory
    this.#shared = shared
  }

  readonly #abort = (): void => this.#subscriber.error(this.#options.signal?.reason)

  start(): void {
    const { signal, deadline } = this.#options
    this.#shared.sets.enter()
    if (signal !== undefined) {
      if (signal.aborted) {
        this.#abort()
        return
      }
      signal.addEventListener('abort', this.#abort)
    }
    if (deadline !== undefined)
      this.#deadline = timers.schedule(() => {
        const last = this.#try?.endpoint.instance
        const where = last === undefined ? 'it found no instance' : `try number ${this.#tries} was with ${last.id} (${last.address})`
        this.#subscriber.error(tooLate(`the call took longer than its deadline of ${deadline} ms: ${where}`))
      }, deadline)
    this.#shared.budget?.deposit(now())
    this.#next()
  }

  stop(): void {
    this.#options.signal?.removeEventListener('abort', this.#abort)
    this.#deadline?.unsubscribe()
    this.#waiting?.unsubscribe()
    const running = this.#try
    if (running !== undefined) {
      if (!running.done) running.controller?.abort()
      running.end('abandoned')
      running.subscription?.unsubscribe()
    }
    this.#shared.sets.leave()
  }

  /** Tries once more: in a loop, so that calls that fail at once cannot overflow the stack. */
  #next(): void {
    this.#again = true
    if (this.#looping) return
    this.#looping = true
    while (this.#again) {
      this.#again = false
      this.#begin()
    }
    this.#looping = false
  }

  #begin(): void {
    const { key } = this.#options
    let endpoint: Endpoint<M> | undefined
    try {
      endpoint = this.#shared.pick(key, this.#memory)
    } catch (error) {
      this.#subscriber.error(error)
      return
    }
    if (endpoint !== undefined) {
      this.#run(endpoint)
      return
    }
    this.#waiting = new Subscription()
    subscribeWithin(this.#waiting, this.#shared.wait(key, this.#memory), {
      next: picked => this.#run(picked),
      error: (error: unknown) => this.#subscriber.error(error),
      complete: () => undefined,
    })
  }

  #run(endpoint: Endpoint<M>): void {
    const one = new Try(endpoint, this.#call.length > 1, this.#shared.picker, this.#memory)
    this.#try = one
    this.#tries += 1
    one.publish(this, this.#tries)
    try {
      const { signal } = one.controller ?? noController
      const input = one.within(() => this.#call(endpoint.instance, signal))
      if (isPromise(input)) this.#settle(one, input)
      else one.within(() => this.#subscribe(one, from(input)))
    } catch (error) {
      this.#fail(one, error)
    }
    const { timeout } = this.#options
    if (timeout === undefined || one.done || (one.valued && this.#options.latency !== 'complete')) return
    const { id, address } = endpoint.instance
    one.timer = timers.schedule(() => this.#fail(one, tooLate(`${id} (${address}) took longer than ${timeout} ms`)), timeout)
  }

  #settle(one: Try<M>, promise: PromiseLike<T>): void {
    promise.then(
      value => {
        if (one.done) return
        // a promise that has resolved has ended: what it resolved with must not be aborted by an unsubscribe now
        one.end('success')
        this.#subscriber.next(value)
        this.#subscriber.complete()
      },
      (error: unknown) => this.#fail(one, error),
    )
  }

  #subscribe(one: Try<M>, source: Observable<T>): void {
    one.subscription = new Subscription()
    subscribeWithin(one.subscription, source, {
      next: value => {
        if (!one.valued) this.#valued(one)
        this.#subscriber.next(value)
      },
      error: (error: unknown) => this.#fail(one, error),
      complete: () => {
        one.end('success')
        this.#subscriber.complete()
      },
    })
  }

  #valued(one: Try<M>): void {
    one.valued = true
    this.#emitted = true
    this.#shared.picker.prove(one.endpoint)
    if (this.#options.latency === 'complete') return
    one.answer()
    one.timer?.unsubscribe()
    this.#deadline?.unsubscribe()
  }

  #fail(one: Try<M>, thrown: unknown): void {
    if (one.done) return
    let [error, failure, retries] = [thrown, true, false]
    try {
      failure = thrown instanceof TimeoutError || this.#shared.failed(thrown)
      retries = this.#retries(one, thrown, failure)
    } catch (other) {
      error = other
    }
    one.end(failure ? 'failure' : 'success', thrown)
    one.controller?.abort()
    one.subscription?.unsubscribe()
    if (retries) this.#next()
    else this.#subscriber.error(error)
  }

  #retries(one: Try<M>, error: unknown, failure: boolean): boolean {
    const { retries = 0, retryable } = this.#options
    if (this.#emitted || this.#tries > retries || isFinal(error) || this.#subscriber.closed) return false
    if (!(retryable === undefined ? failure : retryable(error))) return false
    one.refused = this.#shared.budget?.withdraw(now()) === false
    return !one.refused
  }
}

/** A call to a chosen instance, with its retries. */
export const used = <M, T>(call: Call<M, T>, options: UseOptions, memory: Memory, shared: Shared<M>): Observable<T> =>
  new Observable(subscriber => {
    const run = new CallRun(subscriber, call, options, memory, shared)
    subscriber.add(() => run.stop())
    run.start()
  })
