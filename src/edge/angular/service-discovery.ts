import { InjectionToken, makeStateKey, type NgZone, type StateKey, type TransferState } from '@angular/core'
import { asyncScheduler, catchError, defer, of, tap, throwError, type Observable } from 'rxjs'
import { toError } from '#internal/core/errors'
import { failedSet, pendingSet } from '#internal/core/sets/service-set'
import { restoredSet, savedSet, type SavedSet } from '#internal/core/sets/saved-set'
import { projected, raw, type Project } from '#internal/core/wire/serving'
import { balance, InvalidArgument, native, roundRobin, type Balancer, type ReadableRegistry, type ServiceSet } from 'rx-discovery'
import { outsideZone } from './zone.js'
import { sharedService, type ServiceOptions, type SharedService } from './shared-service.js'

/** What a {@link ServiceDiscovery} is made from. */
export interface Surroundings {
  /** `undefined`: nothing is discovered, since this is a server without `withServerDiscovery`. */
  readonly registry: (() => ReadableRegistry) | undefined
  readonly services: ReadonlyMap<string, ServiceOptions>
  readonly isServer: boolean
  /** What of an instance a server puts into the page. */
  readonly project: Project
  readonly state: TransferState
  readonly zone: NgZone
}

const keyOf = (service: string): StateKey<SavedSet | null> => makeStateKey(`rx-discovery ${service}`)

const notAsked = (): InvalidArgument =>
  new InvalidArgument('features', 'must include withServerDiscovery() where a server follows or calls services (see provideServiceDiscovery in docs/angular.md)')

/** The services of one application. */
export class ServiceDiscovery {
  readonly #of: Surroundings
  readonly #sent = new Map<string, ServiceSet>()

  constructor(surroundings: Surroundings) {
    this.#of = surroundings
  }

  /** Whether services are followed here. */
  get follows(): boolean {
    return this.#of.registry !== undefined
  }

  get isServer(): boolean {
    return this.#of.isServer
  }

  /** What is known before the service is followed: in a browser what the server knew, as a stale set. */
  first(service: string): ServiceSet {
    const { state, isServer } = this.#of
    const saved = isServer ? null : state.get(keyOf(service), null)
    return saved === null || savedSet(saved) !== undefined ? pendingSet(service) : restoredSet(service, saved, [native()], asyncScheduler.now())
  }

  /** The sets of a service. It never errors: a fatal error is the trouble of the last set. */
  set$(service: string): Observable<ServiceSet> {
    return defer(() => {
      let last = this.first(service)
      return this.#shared(service).set$.pipe(
        tap(set => this.#learn((last = set))),
        catchError((error: unknown) => of(failedSet(last, toError(error), asyncScheduler.now()))),
      )
    }).pipe(outsideZone(this.#of.zone))
  }

  balancer(service: string): Balancer {
    return this.follows ? this.#shared(service).balancer : balance(throwError(() => notAsked()), roundRobin())
  }

  #shared(service: string): SharedService {
    const { registry, services } = this.#of
    if (registry === undefined) throw notAsked()
    const first = this.first(service)
    return sharedService(registry(), service, services.get(service), first.status === 'pending' ? undefined : first)
  }

  #learn(set: ServiceSet): void {
    const { isServer, state } = this.#of
    if (isServer && set.status !== 'pending') this.#send(set)
    else if (set.status === 'live') state.remove(keyOf(set.service))
  }

  #send(set: ServiceSet): void {
    const { state } = this.#of
    if (!this.#sent.has(set.service)) state.onSerialize(keyOf(set.service), () => this.#saved(set.service))
    this.#sent.set(set.service, set)
  }

  #saved(service: string): SavedSet | null {
    const set = this.#sent.get(service)
    if (set === undefined) return null
    const { project } = this.#of
    const visible = project === raw ? (instance: ReturnType<ServiceSet['toArray']>[number]) => instance : projected(project)
    const instances = set.toArray().flatMap(instance => {
      const shown = visible(instance)
      return shown === null ? [] : [{ ...shown, service, id: instance.id }]
    })
    return { service, revision: set.revision, asOf: set.asOf, instances }
  }
}

/** The services of the application. */
export const SERVICE_DISCOVERY = new InjectionToken<ServiceDiscovery>('ServiceDiscovery: add provideServiceDiscovery({ url }) to the providers of the application')
