import { delay, dematerialize, materialize, type Observable } from 'rxjs'
import { expect } from 'vitest'
import { exponential, register, type Formats, type Registration, type RegisterOptions, type Registry, type ServiceInstanceInput } from 'rx-discovery'
import { memoryRegistry, type MemoryRegistry } from 'rx-discovery/memory'
import { virtually, type VirtualHelpers } from 'rx-discovery/testing'

/** The instance that is registered, its key, and how it is stored, without the incarnation. */
export const node = { service: 'web', id: 'node', address: 'a:1' }
export const key = '/rx-discovery/web/node'
export const stored = '{"v":1,"address":"a:1"}'
/** Pauses of 50, 100, 200, 400, 800, 1000 ms; the first of them. */
export const backoff = exponential({ jitter: 'none' })
export const step = 50
/** The memory registry renews at each third of this TTL (seconds). */
export const ttl = 6

/** Everything that one subscriber has seen of a registration. */
export interface Seen {
  readonly states: Registration[]
  readonly statuses: () => readonly Registration['status'][]
  readonly last: () => Registration | undefined
  /** The lease of the last state that names one. */
  readonly leaseId: () => string | undefined
  /** `'complete'`, the error, or `undefined` while it runs. */
  readonly end: () => unknown
  readonly stop: () => void
}

/** Subscribes and keeps the states; `react` runs inside `next`. */
export const see = (source: Observable<Registration>, react: (state: Registration) => void = () => undefined): Seen => {
  const states: Registration[] = []
  let end: unknown
  const subscription = source.subscribe({
    next: state => {
      states.push(state)
      react(state)
    },
    error: (error: unknown) => (end = error),
    complete: () => (end = 'complete'),
  })
  return {
    states,
    statuses: () => states.map(({ status }) => status),
    last: () => states.at(-1),
    leaseId: () => states.reduce<string | undefined>((id, state) => ('leaseId' in state ? state.leaseId : id), undefined),
    end: () => end,
    stop: () => subscription.unsubscribe(),
  }
}

/** Each registration draws its own incarnation, which no test but those about it compares. */
const withoutIncarnation = (text: string | null): string => (text ?? '').replace(/,"incarnation":"[^"]*"/, '')

/** A memory registry in virtual time. */
export interface Scene extends VirtualHelpers {
  readonly registry: MemoryRegistry
  /** Registers the node, or another instance, with pauses without jitter, and each update at once. */
  readonly registers: (options?: RegisterOptions<Formats>, instance?: ServiceInstanceInput | Observable<ServiceInstanceInput | null>, through?: Registry) => Seen
  /** As {@link see}; the subscription ends with the scene. */
  readonly watch: typeof see
  /** The keys that are there: key, value without the incarnation, lease. */
  readonly there: () => readonly (readonly [key: string, value: string, lease: string])[]
  /** The parsed value of a key, without the incarnation; `undefined` if the key is absent. */
  readonly value: (of?: string) => Readonly<Record<string, unknown>> | undefined
  /** The lease of a key; `undefined` if the key is absent. */
  readonly leaseOf: (of?: string) => string | undefined
}

/** Plays a scene in virtual time; afterwards, with everything unsubscribed, no lease, subscription, timer or key may be left. */
export const scene = (play: (scene: Scene) => void): void =>
  virtually(helpers => {
    const registry = memoryRegistry()
    const all: Seen[] = []
    const watch: Scene['watch'] = (source, react) => {
      const seen = see(source, react)
      all.push(seen)
      return seen
    }
    const there: Scene['there'] = () => registry.entries().map(({ key: at, value, lease }) => [at, withoutIncarnation(value), lease])
    const rowOf = (of: string) => there().find(([at]) => at === of)
    play({
      ...helpers,
      registry,
      watch,
      there,
      registers: (options = {}, instance = node, through = registry) => watch(register(through, instance, { ttl, backoff, throttle: 0, ...options })),
      value: (of = key) => {
        const text = rowOf(of)?.[1]
        return text === undefined ? undefined : (JSON.parse(text) as Record<string, unknown>)
      },
      leaseOf: (of = key) => rowOf(of)?.[2],
    })
    for (const { stop } of all) stop()
    const leftover = () => ({ ...registry.subscriptions(), leased: registry.leases(), timers: helpers.pending(), keys: registry.entries().filter(({ lease }) => lease !== '0') })
    helpers.advance(3 * ttl * 1000)
    expect(leftover()).toEqual({ watches: 0, leases: 0, calls: 0, leased: [], timers: 0, keys: [] })
  })

/** A registry whose answers to writes are `ms` on their way. */
export const answeringLate = (registry: Registry, ms: number): Registry => ({
  ...registry,
  put: (entries, lease) => registry.put(entries, lease).pipe(materialize(), delay(ms), dematerialize()),
})
