import type { Observable } from 'rxjs'
import { balance, discover, peakEwma, type BalanceOptions, type Balancer, type DiscoverOptions, type Formats, type Policy, type ReadableRegistry, type ServiceSet } from 'rx-discovery'

/** A service of `ServiceDiscoveryModule.forFeature`, with options of its own. */
export interface DiscoveredService {
  readonly service: string
  /** Options of `discover`. @default the format of the module */
  readonly discover?: DiscoverOptions<Formats> | undefined
  /** Operators for the sets, such as `set$ => set$.pipe(protect())`. @default none */
  readonly pipe?: ((set$: Observable<ServiceSet>) => Observable<ServiceSet>) | undefined
  /** The policy of the balancer. @default peakEwma() */
  readonly policy?: Policy | undefined
  /** Options of `balance`. @default those of `balance` */
  readonly balance?: BalanceOptions | undefined
}

/** The sets and the balancers of one registry. Features that name a service without options share its watch and its statistics. */
export class DiscoveredServices {
  readonly #registry: ReadableRegistry
  readonly #format: Formats | undefined
  readonly #sets = new Map<string, Observable<ServiceSet>>()
  readonly #balancers = new WeakMap<Observable<ServiceSet>, Balancer>()

  constructor(registry: ReadableRegistry, format: Formats | undefined) {
    this.#registry = registry
    this.#format = format
  }

  set$({ service, discover: options, pipe = set$ => set$ }: DiscoveredService, isShared: boolean): Observable<ServiceSet> {
    const known = isShared ? this.#sets.get(service) : undefined
    if (known !== undefined) return known
    const defaults = this.#format === undefined ? {} : { format: this.#format }
    const set$ = pipe(discover<Formats>(this.#registry, service, { ...defaults, ...options }))
    if (isShared) this.#sets.set(service, set$)
    return set$
  }

  balancer(set$: Observable<ServiceSet>, { policy = peakEwma(), balance: options }: DiscoveredService, isShared: boolean): Balancer {
    const known = isShared ? this.#balancers.get(set$) : undefined
    if (known !== undefined) return known
    const balancer = balance(set$, policy, options)
    if (isShared) this.#balancers.set(set$, balancer)
    return balancer
  }
}
