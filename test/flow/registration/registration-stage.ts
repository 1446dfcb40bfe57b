import { Subscription, type Observable } from 'rxjs'
import { expect } from 'vitest'
import { exponential } from 'rx-discovery'
import { memoryRegistry, type MemoryRegistry } from 'rx-discovery/memory'
import { virtually, type VirtualHelpers } from 'rx-discovery/testing'
import type { Registration } from '../../../src/core/register/registration.js'

/** The instance of these tests, and where and how it is written. */
export const node = { service: 'web', id: 'node', address: 'localhost:1' }
export const key = '/rx-discovery/web/node'
export const value = '{"v":1,"address":"localhost:1"}'
/** 50, 100, 200, 400, 800, 1000 ms. */
export const backoff = exponential({ jitter: 'none' })

/** What came of a registration. */
export interface Observed {
  readonly states: Registration[]
  readonly statuses: () => readonly Registration['status'][]
  readonly last: () => Registration | undefined
  /** The lease of the last state that names one. */
  readonly leaseId: () => string | undefined
  error?: unknown
  completed: boolean
  readonly stop: () => void
}

/** Subscribes and keeps what comes; `heed` may react inside `next`. */
export const observe = (source: Observable<Registration>, heed: (state: Registration) => void = () => undefined): Observed => {
  const observed: Observed = {
    states: [],
    statuses: () => observed.states.map(({ status }) => status),
    last: () => observed.states.at(-1),
    leaseId: () => observed.states.reduce<string | undefined>((id, state) => ('leaseId' in state ? state.leaseId : id), undefined),
    completed: false,
    stop: () => subscription.unsubscribe(),
  }
  const subscription = new Subscription()
  subscription.add(source.subscribe({
    next: state => {
      observed.states.push(state)
      heed(state)
    },
    error: (error: unknown) => (observed.error = error),
    complete: () => (observed.completed = true),
  }))
  return observed
}

/** A registry in virtual time. */
export interface Stage extends VirtualHelpers {
  readonly registry: MemoryRegistry
  readonly watch: (source: Observable<Registration>, heed?: (state: Registration) => void) => Observed
  /** What is there: key, value, lease. */
  readonly there: () => readonly (readonly string[])[]
}

/** Plays a test in virtual time; afterwards, all unsubscribed, nothing may be left: no lease, no subscription, no timer, no key. */
export const stage = (play: (stage: Stage) => void): void =>
  virtually(helpers => {
    const registry = memoryRegistry()
    const all: Observed[] = []
    play({
      ...helpers,
      registry,
      watch: (source, heed) => {
        const observed = observe(source, heed)
        all.push(observed)
        return observed
      },
      there: () => registry.entries().map(({ key: at, value: what, lease }) => [at, what ?? '', lease]),
    })
    for (const { stop } of all) stop()
    expect({ ...registry.subscriptions(), held: registry.leases(), timers: helpers.pending() }).toEqual({ watches: 0, leases: 0, calls: 0, held: [], timers: 0 })
    expect(registry.entries().filter(({ lease }) => lease !== '0')).toEqual([])
  })
