import type { Subscription } from 'rxjs'
import type { Outcome } from '../../core/balance/policy.js'
import { channels, type DiagnosticMessages } from '../channels.js'
import { now } from '../clock.js'
import type { Picker } from './picker.js'
import type { Endpoint } from './ready-set.js'

/** The ids of instances that failed since the last success of a call, so that its next try goes elsewhere; and when it last found no instance, ms. */
export interface Memory {
  readonly tried: Map<string, number>
  failures: number
  emptyAt: number
}

/** A memory of nothing. */
export const newMemory = (): Memory => ({ tried: new Map(), failures: 0, emptyAt: -Infinity })

/** How many failed instances a memory keeps: those after them may be tried again. */
const kept = 64

/** One try: a call to one endpoint. It ends exactly once, before anything downstream learns of it. */
export class Try<M> {
  readonly endpoint: Endpoint<M>
  readonly controller: AbortController | undefined
  readonly start = now()
  readonly #picker: Picker<M>
  readonly #memory: Memory
  readonly #failuresBefore: number
  subscription: Subscription | undefined
  timer: Subscription | undefined
  valued = false
  done = false
  /** Whether the retry budget has refused another try after it. */
  refused = false
  #published: DiagnosticMessages['rx-discovery:call'] | undefined
  #answered = false

  constructor(endpoint: Endpoint<M>, signals: boolean, picker: Picker<M>, memory: Memory) {
    this.endpoint = endpoint
    this.controller = signals ? new AbortController() : undefined
    this.#picker = picker
    this.#memory = memory
    this.#failuresBefore = memory.failures
    picker.began(endpoint, this.start)
  }

  /** Publishes that the try number `attempt` of a call begins. */
  publish(call: object, attempt: number): void {
    if (!channels.call.hasSubscribers) return
    this.#published = { call, attempt, instance: this.endpoint.instance, within: make => make() }
    channels.call.publish(this.#published)
  }

  /** Makes the call, in the context that whoever observes calls has set. */
  within<A>(make: () => A): A {
    return this.#published === undefined ? make() : this.#published.within(make)
  }

  answer(): void {
    if (this.#answered) return
    this.#learn('success')
    for (const [id, failure] of this.#memory.tried) if (failure <= this.#failuresBefore) this.#memory.tried.delete(id)
  }

  end(result: Outcome['result'], error?: unknown): void {
    if (this.done) return
    this.done = true
    this.timer?.unsubscribe()
    this.#picker.ended(this.endpoint)
    if (this.#published !== undefined) {
      const ended = { result: result === 'abandoned' && this.#answered ? 'success' : result, error, duration: now() - this.start, refused: this.refused } as const
      channels.call.publish(Object.assign(this.#published, ended))
    }
    if (result === 'success') {
      this.answer()
      return
    }
    if (result === 'failure' || !this.valued) this.#avoid()
    if (result === 'failure' || !this.#answered) this.#learn(result)
  }

  /** Ends a try that has not called the endpoint, and so teaches nothing. */
  withdraw(): void {
    if (this.done) return
    this.done = true
    this.#picker.withdrawn(this.endpoint)
  }

  #learn(result: Outcome['result']): void {
    const first = !this.#answered
    this.#answered = true
    this.#picker.learned(this.endpoint, result, this.start, first)
  }

  #avoid(): void {
    const { tried } = this.#memory
    tried.delete(this.endpoint.id)
    tried.set(this.endpoint.id, ++this.#memory.failures)
    if (tried.size <= kept) return
    for (const id of tried.keys()) {
      tried.delete(id)
      return
    }
  }
}
