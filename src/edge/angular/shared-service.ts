import { HttpErrorResponse } from '@angular/common/http'
import type { Observable } from 'rxjs'
import { balance, discover, peakEwma, type BalanceOptions, type Balancer, type DiscoverOptions, type Formats, type Policy, type ReadableRegistry, type ServiceSet } from 'rx-discovery'
import { sseRegistry, type SseRegistryOptions } from 'rx-discovery/browser'

/** How one service is discovered and balanced, for `withService`. */
export interface ServiceOptions {
  /** Options of `discover`. @default { linger: 10000 } */
  readonly discover?: Omit<DiscoverOptions<Formats>, 'initial'> | undefined
  /** Operators for the sets, such as `set$ => set$.pipe(protect())`. @default none */
  readonly pipe?: ((set$: Observable<ServiceSet>) => Observable<ServiceSet>) | undefined
  /** The policy of the balancer. @default peakEwma() */
  readonly policy?: Policy | undefined
  /** Options of `balance`. By default, HTTP statuses below 500 are no failures of an instance. */
  readonly balance?: BalanceOptions | undefined
}

/** The sets and the balancer of one service. */
export interface SharedService {
  readonly set$: Observable<ServiceSet>
  readonly balancer: Balancer
}

interface MadeRegistry {
  readonly options: SseRegistryOptions
  readonly registry: ReadableRegistry
}
interface MadeService extends SharedService {
  readonly options: ServiceOptions | undefined
}
interface Made {
  readonly registries: Map<string, MadeRegistry>
  readonly services: WeakMap<ReadableRegistry, Map<string, MadeService>>
}

/** How many services a registry keeps. On a server their names may come from requests. */
const kept = 1_000

// A server renders each request in an application of its own, and a development server loads the bundle again after each change.
const place = Symbol.for('rx-discovery/angular')
const made = (): Made => ((globalThis as { [place]?: Made | undefined })[place] ??= { registries: new Map(), services: new WeakMap() })

const isSame = <O extends object>(a: O, b: O): boolean => [...Object.keys(a), ...Object.keys(b)].every(name => a[name as keyof O] === b[name as keyof O])

/** The registry at a URL; all applications of a process that have the same options share one. */
export const sharedRegistry = (url: string | URL, options: SseRegistryOptions): ReadableRegistry => {
  const { registries } = made()
  const known = registries.get(String(url))
  if (known !== undefined && isSame(known.options, options)) return known.registry
  const registry = sseRegistry(url, options)
  registries.set(String(url), { options, registry })
  return registry
}

const isFailure = (error: unknown): boolean => !(error instanceof HttpErrorResponse) || error.status === 0 || error.status >= 500

const makeService = (registry: ReadableRegistry, service: string, { discover: discovery, pipe, policy = peakEwma(), balance: balancing }: ServiceOptions, initial: ServiceSet | undefined): SharedService => {
  const found$: Observable<ServiceSet> = discover<Formats>(registry, service, { linger: 10_000, ...discovery, initial })
  const set$ = pipe?.(found$) ?? found$
  return { set$, balancer: balance(set$, policy, { failed: isFailure, ...balancing }) }
}

/** The sets and the balancer of a service; all applications of a process share them. `initial`: the first set where they are made. */
export const sharedService = (registry: ReadableRegistry, service: string, options: ServiceOptions | undefined, initial: ServiceSet | undefined): SharedService => {
  const { services } = made()
  const all = services.get(registry) ?? new Map<string, MadeService>()
  services.set(registry, all)
  const known = all.get(service)
  if (known !== undefined && known.options === options) return known
  const one: MadeService = { ...makeService(registry, service, options ?? {}, initial), options }
  all.delete(service)
  all.set(service, one)
  const [oldest] = all.keys()
  if (all.size > kept && oldest !== undefined) all.delete(oldest)
  return one
}
