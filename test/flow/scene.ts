import { finalize, type Observable } from 'rxjs'
import { exponential, type ReadableRegistry, type ServiceSet } from 'rx-discovery'
import type { MemoryRegistry } from 'rx-discovery/memory'

/** What a subscription has seen so far. */
export interface Seen<T> {
  readonly values: T[]
  readonly last: () => T
  error?: unknown
  completed?: true
  readonly stop: () => void
}

/** Subscribes, and keeps what comes. */
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
  const subscription = source.subscribe({
    next: value => {
      values.push(value)
      onNext(value)
    },
    error: (error: unknown) => (seen.error = error),
    complete: () => (seen.completed = true),
  })
  return seen
}

/** Where an instance is stored. */
export const keyOf = (id: string, service = 'web'): string => `/rx-discovery/${service}/${id}`

/** How an instance is stored; its address is its id. */
export const valueOf = (id: string, version = '1'): string => JSON.stringify({ v: 1, address: `${id}:80`, version })

/** Writes an instance by another hand. */
export const put = (registry: MemoryRegistry, id: string, version = '1', service = 'web'): number =>
  registry.write(keyOf(id, service), valueOf(id, version))

/** Deletes an instance by another hand. */
export const remove = (registry: MemoryRegistry, id: string, service = 'web'): number => registry.write(keyOf(id, service), null)

/** Writes `count` instances of one service. */
export const fill = (registry: MemoryRegistry, count: number): void => {
  for (let index = 0; index < count; index += 1) put(registry, `n${String(index).padStart(6, '0')}`)
}

/** A set as text: status and instances. */
export const shown = (set: ServiceSet): string => [set.status, ...set.toArray().map(({ id, version }) => `${id}@${version}`)].join(' ')

/** Backoff without jitter: 50, 100, 200, 400, 800, 1000, 1000 … ms. */
export const steady = exponential({ jitter: 'none' })

/** What a test changes of a registry. */
export type Changed = Partial<ReadableRegistry>

/** A registry whose reading verbs are recorded as they are subscribed, some of them replaced. */
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
    list: prefix => verb(`list ${prefix}`, list(prefix)),
    watch: (prefix, from) => verb(`watch ${prefix} ${from}`, watch(prefix, from)),
    check: (prefix, since) => verb(`check ${prefix} ${since}`, check(prefix, since)),
  }
  return { registry: reading, calls, verbs: () => calls.map(call => call.split(' ')[0]), open: () => open }
}
