import { finalize, Subscription, type Observable } from 'rxjs'
import { expect } from 'vitest'
import { exponential, type ReadableRegistry, type ServiceSet } from 'rx-discovery'
import { memoryRegistry, type MemoryRegistry } from 'rx-discovery/memory'
import { virtually, type VirtualHelpers } from 'rx-discovery/testing'
import type { Range } from '../src/core/store.js'

/** What a subscription has emitted so far. */
export interface Seen<T> {
  readonly values: T[]
  /** The last value; throws if there is none. */
  readonly last: () => T
  error?: unknown
  completed?: true
  readonly stop: () => void
}

/** Subscribes, and keeps what comes; `onNext` may react inside `next`. */
export const see = <T>(source: Observable<T>, onNext: (value: T) => void = () => undefined): Seen<T> => {
  const values: T[] = []
  const seen: Seen<T> = {
    values,
    last: () => {
      const [value] = values.slice(-1)
      if (value === undefined) throw new Error('nothing has come')
      return value
    },
    stop: () => subscription.unsubscribe(),
  }
  // made before, so that `onNext` can stop it
  const subscription = new Subscription()
  subscription.add(source.subscribe({
    next: value => {
      values.push(value)
      onNext(value)
    },
    error: (error: unknown) => (seen.error = error),
    complete: () => (seen.completed = true),
  }))
  return seen
}

/** A memory registry in virtual time. */
export interface Scene extends VirtualHelpers {
  readonly registry: MemoryRegistry
  /** Subscribes, keeps what comes, and unsubscribes at the end of the scene. */
  readonly see: typeof see
}

/** What is open or left in a registry. */
const left = (registry: MemoryRegistry): object => ({
  ...registry.subscriptions(),
  grants: registry.leases(),
  leased: registry.entries().filter(({ lease }) => lease !== '0').map(({ key }) => key),
})

/** Nothing is open and nothing is left. */
const nothingLeft = { watches: 0, leases: 0, calls: 0, grants: [], leased: [] }

/**
 * Plays a test in virtual time. At its end, everything that it saw is unsubscribed; `after` ms later nothing may be left: no subscription, lease, leased
 * key or timer.
 */
export const scene = (play: (scene: Scene) => void, { after = 0 }: { readonly after?: number } = {}): void =>
  virtually(helpers => {
    const registry = memoryRegistry()
    const stops: (() => void)[] = []
    play({
      ...helpers,
      registry,
      see: (source, onNext) => {
        const seen = see(source, onNext)
        stops.push(seen.stop)
        return seen
      },
    })
    for (const stop of stops) stop()
    helpers.advance(after)
    expect({ ...left(registry), timers: helpers.pending() }).toEqual({ ...nothingLeft, timers: 0 })
  })

/** Where an instance is stored. */
export const keyOf = (id: string, service = 'web'): string => `/rx-discovery/${service}/${id}`

/** How an instance is stored; its address is its id. */
export const valueOf = (id: string, version = '1'): string => JSON.stringify({ v: 1, address: `${id}:80`, version })

/** Writes an instance as another client would. */
export const put = (registry: MemoryRegistry, id: string, version = '1', service = 'web'): number =>
  registry.write(keyOf(id, service), valueOf(id, version))

/** Deletes an instance as another client would. */
export const remove = (registry: MemoryRegistry, id: string, service = 'web'): number => registry.write(keyOf(id, service), null)

/** Writes `count` instances of one service. */
export const fill = (registry: MemoryRegistry, count: number): void => {
  for (let index = 0; index < count; index += 1) put(registry, `n${String(index).padStart(6, '0')}`)
}

/** A set as text: status and instances. */
export const shown = (set: ServiceSet): string => [set.status, ...set.toArray().map(({ id, version }) => `${id}@${version}`)].join(' ')

/** Backoff without jitter: 50, 100, 200, 400, 800, 1000, 1000 … ms. */
export const steady = exponential({ jitter: 'none' })

/** The verbs that a test replaces. */
export type Changed = Partial<ReadableRegistry>

/** A range as text: a prefix, or an exact key in brackets. */
const textOf = (range: Range): string => (typeof range === 'string' ? range : `[${range.key}]`)

/** A registry that records the reading verbs as they are subscribed, some of them replaced. */
export const recorded = (registry: ReadableRegistry, changed: Changed = {}) => {
  const calls: string[] = []
  let open = 0
  const verb = <T>(name: string, source: Observable<T>): Observable<T> => {
    calls.push(name)
    open += 1
    return source.pipe(finalize(() => (open -= 1)))
  }
  const { list, watch, check } = { list: registry.list, watch: registry.watch, check: registry.check, ...changed }
  const reading: ReadableRegistry = {
    list: (range, options) => verb(`list ${textOf(range)}`, list(range, options)),
    watch: (range, from) => verb(`watch ${textOf(range)} ${from}`, watch(range, from)),
    check: (range, since) => verb(`check ${textOf(range)} ${since}`, check(range, since)),
  }
  return { registry: reading, calls, verbs: () => calls.map(call => call.split(' ')[0]), open: () => open }
}
