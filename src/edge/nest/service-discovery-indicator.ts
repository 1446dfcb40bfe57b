import type { OnApplicationShutdown } from '@nestjs/common'
import type { ModuleRef } from '@nestjs/core'
import { lastValueFrom, ReplaySubject, Subscription, takeUntil, takeWhile, type Observable } from 'rxjs'
import { InvalidArgument, type Registration, type ServiceSet } from 'rx-discovery'
import { timer } from '#internal/flow/clock'
import type { ServiceRegistration } from './service-registration.js'
import { getServiceSetToken } from './injection-tokens.js'

/** Options of {@link ServiceDiscoveryIndicator.isReady}. */
export interface IndicatorOptions {
  /** Services of `forFeature` without which the app cannot work: it is down until each of them has been listed once. @default none */
  readonly services?: readonly string[] | undefined
  /** What the indicator is while the registration is `lost`. An outage of etcd makes every instance lose its registration, so `down` takes all of them out of service. @default 'up' */
  readonly lost?: 'up' | 'down' | undefined
}

/** What the indicator knows of a service. */
export interface ServiceReadiness {
  readonly status: ServiceSet['status'] | 'failed'
  /** How many instances the set has. */
  readonly instances: number
  /** Since when the set has been stale, ISO 8601. */
  readonly since?: string
  /** Why it is pending, stale, or has failed. */
  readonly message?: string
}

/** A result for Terminus. */
export type IndicatorResult<Key extends string = string> = Record<
  Key,
  { readonly status: 'up' | 'down'; readonly registration?: Registration['status']; readonly services?: Readonly<Record<string, ServiceReadiness>> }
>

/** How long a check waits for the first listing, ms. */
const firstListing = 1_000

const ends: ReadonlySet<string> = new Set(['draining', 'revoked'])

/**
 * A health indicator for the readiness check of `@nestjs/terminus`. It is down while the registration drains, and until the services that it is asked for have been listed once.
 * Stale sets are up: the last known instances are used until etcd is back.
 *
 * @example health.check([() => discovery.isReady('discovery', { services: ['orders'] })])
 */
export class ServiceDiscoveryIndicator implements OnApplicationShutdown {
  readonly #registration: ServiceRegistration
  readonly #modules: ModuleRef
  readonly #name: string | undefined
  readonly #followed = new Map<string, ReplaySubject<ServiceSet>>()
  readonly #following = new Subscription()

  constructor(registration: ServiceRegistration, modules: ModuleRef, name: string | undefined) {
    this.#registration = registration
    this.#modules = modules
    this.#name = name
  }

  /** Resolves with the result; rejects with `InvalidArgument` if a service is not one of `forFeature`. The first check of a service waits up to 1 s for its first listing. */
  async isReady<const Key extends string>(key: Key, { services = [], lost = 'up' }: IndicatorOptions = {}): Promise<IndicatorResult<Key>> {
    const found = await Promise.all(services.map(async service => [service, await this.#readiness(service)] as const))
    const registration = this.#registration.state?.status
    const isDown = (registration !== undefined && ends.has(registration)) || this.#registration.isDraining || (registration === 'lost' && lost === 'down') || found.some(([, { status }]) => status === 'pending' || status === 'failed')
    const details = { status: isDown ? 'down' : 'up', ...(registration && { registration }), ...(found.length > 0 && { services: Object.fromEntries(found) }) } as const
    return { [key]: details } as IndicatorResult<Key>
  }

  onApplicationShutdown(): void {
    this.#following.unsubscribe()
  }

  async #readiness(service: string): Promise<ServiceReadiness> {
    try {
      const untilKnown = this.#follow(service).pipe(takeWhile(({ status }) => status === 'pending', true), takeUntil(timer(firstListing)))
      const set = await lastValueFrom(untilKnown, { defaultValue: undefined })
      if (set === undefined || (set.status === 'pending' && set.trouble === undefined)) return { status: 'pending', instances: 0, message: 'the registry has not been listed' }
      const { status, size, trouble } = set
      return { status, instances: size, ...(trouble && { since: new Date(trouble.since).toISOString(), message: trouble.error.message }) }
    } catch (error) {
      if (error instanceof InvalidArgument) throw error
      return { status: 'failed', instances: 0, message: error instanceof Error ? error.message : String(error) }
    }
  }

  /** The latest set of a service, which is followed from the first check on. */
  #follow(service: string): Observable<ServiceSet> {
    const known = this.#followed.get(service)
    if (known !== undefined) return known
    const latest = new ReplaySubject<ServiceSet>(1)
    this.#following.add(this.#setsOf(service).subscribe(latest))
    this.#followed.set(service, latest)
    return latest
  }

  #setsOf(service: string): Observable<ServiceSet> {
    try {
      return this.#modules.get<Observable<ServiceSet>>(getServiceSetToken(service, this.#name), { strict: false })
    } catch (cause) {
      throw new InvalidArgument('services', `must be services of ServiceDiscoveryModule.forFeature, got ${JSON.stringify(service)} (add it there)`, { cause })
    }
  }
}
