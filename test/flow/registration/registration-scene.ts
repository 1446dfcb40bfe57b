import type { Observable } from 'rxjs'
import { expect } from 'vitest'
import { exponential, register, type Formats, type Registration, type RegisterOptions, type Registry, type ServiceInstanceInput } from 'rx-discovery'
import { memoryRegistry, type MemoryRegistry } from 'rx-discovery/memory'
import { virtually, type VirtualHelpers } from 'rx-discovery/testing'

/** The instance that is registered, where it lies, and the first step of the backoff, ms. */
export const node: ServiceInstanceInput = { service: 'web', id: 'node', address: 'a:1', incarnation: 'i' }
export const key = '/rx-discovery/web/node'
export const step = 50
/** The memory registry renews at each third of this TTL (seconds). */
export const ttl = 6

/** What one subscriber has seen of a registration. */
export interface Seen {
  readonly states: Registration[]
  readonly statuses: () => readonly Registration['status'][]
  readonly last: () => Registration | undefined
  readonly end: () => unknown
  readonly stop: () => void
}

/** Subscribes and keeps what comes; `end` is `'complete'`, the error, or `undefined` while it runs. */
export const see = (source: Observable<Registration>): Seen => {
  const states: Registration[] = []
  let end: unknown
  const subscription = source.subscribe({
    next: state => states.push(state),
    error: (error: unknown) => (end = error),
    complete: () => (end = 'complete'),
  })
  return {
    states,
    statuses: () => states.map(({ status }) => status),
    last: () => states.at(-1),
    end: () => end,
    stop: () => subscription.unsubscribe(),
  }
}

/** A registry in virtual time. */
export interface Scene extends VirtualHelpers {
  readonly registry: MemoryRegistry
  /** Registers the node, or what is given, with a backoff without jitter. */
  readonly registers: (
    options?: RegisterOptions<Formats>,
    instance?: ServiceInstanceInput | Observable<ServiceInstanceInput | null>,
    through?: Registry,
  ) => Seen
  /** What is at a key now, parsed; `undefined` when it is absent. */
  readonly value: (of?: string) => Readonly<Record<string, unknown>> | undefined
  /** The lease a key hangs on; `undefined` when it is absent. */
  readonly leaseOf: (of?: string) => string | undefined
}

/** Runs a scene and checks that the registrations, once they are unsubscribed, leave nothing behind. */
export const scene = (play: (scene: Scene) => void): void =>
  virtually(helpers => {
    const registry = memoryRegistry()
    const all: Seen[] = []
    const entry = (of: string) => registry.entries().find(change => change.key === of)
    play({
      ...helpers,
      registry,
      registers: (options = {}, instance = node, through = registry) => {
        const seen = see(register(through, instance, { ttl, backoff: exponential({ jitter: 'none', first: step }), ...options }))
        all.push(seen)
        return seen
      },
      value: (of = key) => {
        const value = entry(of)?.value
        return typeof value === 'string' ? (JSON.parse(value) as Record<string, unknown>) : undefined
      },
      leaseOf: (of = key) => entry(of)?.lease,
    })
    for (const { stop } of all) stop()
    helpers.advance(3 * ttl * 1000)
    expect(registry.leases()).toEqual([])
    expect(registry.subscriptions()).toEqual({ watches: 0, leases: 0, calls: 0 })
    expect(registry.entries().filter(({ lease }) => lease !== '0')).toEqual([])
    expect(helpers.pending()).toBe(0)
  })
