import type { Server } from 'node:net'
import { Logger } from '@nestjs/common'
import type { HttpAdapterHost, ModuleRef } from '@nestjs/core'
import { AsyncSubject, defer, distinctUntilKeyChanged, isObservable, lastValueFrom, map, of, ReplaySubject, Subscription, takeUntil, tap, type Observable } from 'rxjs'
import { InvalidArgument, register, type Registration, type Registry, type ServiceInstanceInput, type Status } from 'rx-discovery'
import { advertise } from 'rx-discovery/node'
import { timer } from '#internal/flow/clock'
import { nothing } from '#internal/flow/subscribe-within'
import type { RegistrationOptions } from './module-options.js'
import { RequestsInFlight } from './requests-in-flight.js'

/** Options of {@link ServiceRegistration.start}. */
export interface StartOptions {
  /** `host:port`; with a server also a host alone. @default `registration.address`, or what `advertise` of `rx-discovery/node` finds */
  readonly address?: string | undefined
  /** The server that listens, such as `microservice.unwrap()` of a TCP microservice, or its port. @default the HTTP server of the app */
  readonly server?: Server | number | undefined
}

const serverOf = ({ httpAdapter }: HttpAdapterHost): Server | undefined =>
  // In an app without HTTP there is no adapter, or one without a server.
  (httpAdapter as { readonly getHttpServer?: () => Server | undefined } | undefined)?.getHttpServer?.()

/** The registration of this process: begins when the app listens, or by `start`, and ends by `drain`, which the shutdown of the app calls. */
export class ServiceRegistration {
  readonly #logger = new Logger(ServiceRegistration.name)
  readonly #registry: Registry
  readonly #options: RegistrationOptions | undefined
  readonly #host: HttpAdapterHost
  readonly #modules: ModuleRef
  readonly #states = new ReplaySubject<Registration>(1)
  readonly #subscriptions = new Subscription()
  readonly #stop = new ReplaySubject<true>(1)
  readonly #left = new AsyncSubject<true>()
  #latest: Registration | undefined
  #health: Observable<Status> | undefined
  #requestsWithin = 0
  #requests: RequestsInFlight | undefined
  #ended: Promise<unknown> | undefined
  #drained: Promise<void> | undefined

  constructor(registry: Registry, options: RegistrationOptions | undefined, host: HttpAdapterHost, modules: ModuleRef) {
    this.#registry = registry
    this.#options = options
    this.#host = host
    this.#modules = modules
  }

  /** What `register` emits, the latest value first; nothing before the registration has begun. Completes and errors with it. */
  readonly state$: Observable<Registration> = this.#states.asObservable()

  /**
   * Emits once and completes when `drain` has ended the registration, or when there was none, just before it waits for requests in flight. End open streams by it:
   * `takeUntil(registration.ended$)`.
   */
  readonly ended$: Observable<true> = this.#left.asObservable()

  /** The latest value of `state$`; `undefined` before the registration has begun. */
  get state(): Registration | undefined {
    return this.#latest
  }

  /** Whether `drain` was called. */
  get isDraining(): boolean {
    return this.#drained !== undefined
  }

  /** Whether the module was given a `registration`. */
  get isConfigured(): boolean {
    return this.#options !== undefined
  }

  /** Finds the health, and counts requests from now on, so that `drain` can wait for them. For the bootstrap of the app; throws if nothing provides the token of `health`. */
  prepare(): void {
    const { health } = this.#options ?? {}
    this.#health = health === undefined || isObservable(health) ? health : this.#modules.get<Observable<Status>>(health, { strict: false })
    const server = serverOf(this.#host)
    if (server !== undefined) this.#requests ??= new RequestsInFlight(server)
  }

  /**
   * Begins the registration; with `manualRegistration`, call it after `listen()` or `startAllMicroservices()`. Later calls do nothing, nor does one after `drain`.
   * Throws `InvalidArgument` if the module has no option `registration`, or if there is neither an address nor a server. Every other error is logged and ends `state$`.
   *
   * @example app.get(ServiceRegistration).start({ address: '10.0.0.5:50051' })
   */
  start({ address, server = serverOf(this.#host) }: StartOptions = {}): void {
    const options = this.#options
    if (options === undefined)
      throw new InvalidArgument('registration', 'must be an option of ServiceDiscoveryModule.forRoot before start is called, got undefined (for example registration: { service: "orders" })')
    const { address: configured, drain = 2_000, requestsWithin = 10_000, ...rest } = options
    const { service, id, endpoints, weight, zone, version, tags, incarnation, metadata, ...registerOptions } = rest
    const given = address ?? configured
    if (server === undefined && given === undefined)
      throw new InvalidArgument('address', 'must be given where the app has no HTTP server, got undefined (for example start({ address: "10.0.0.5:50051" }), or start({ server: microservice.unwrap() }))')
    if (this.#ended !== undefined || this.#drained !== undefined) return

    const address$ = server === undefined ? of(given ?? '') : advertise(server, { registry: this.#registry, address: given })
    const fields: Omit<ServiceInstanceInput, 'address'> = { service, id, endpoints, weight, zone, version, tags, incarnation, metadata }
    const instance$ = address$.pipe(map((found): ServiceInstanceInput => ({ ...fields, address: found })))
    const registration$ = defer(() => register(this.#registry, instance$, { ...registerOptions, drain, health: this.#health, until: this.#stop }))
    this.#requestsWithin = requestsWithin
    this.#subscriptions.add(registration$.pipe(tap(state => (this.#latest = state))).subscribe(this.#states))
    this.#ended = lastValueFrom(this.#states.pipe(distinctUntilKeyChanged('status'), tap(state => this.#log(state))), { defaultValue: undefined }).catch((error: unknown) =>
      this.#logger.error(`the registration of ${service} has ended: ${error instanceof Error ? error.message : String(error)}`),
    )
    // `app.enableShutdownHooks()` may follow `await app.listen()`.
    this.#subscriptions.add(timer(0).subscribe({ next: () => this.#warnIfSignalsEndTheProcess(), error: nothing }))
  }

  /**
   * Ends the registration: `draining`, then revoked; resolves when also the requests in flight have been answered, or when that takes longer than `requestsWithin`.
   * The server accepts all the while. It never rejects, and all calls share one drain. Call it before `close()` of a microservice.
   */
  drain(): Promise<void> {
    return (this.#drained ??= this.#drain())
  }

  async #drain(): Promise<void> {
    this.#stop.next(true)
    const [ended, requests] = [this.#ended, this.#requests]
    if (ended !== undefined) {
      requests?.closeConnections()
      await ended
      this.#subscriptions.unsubscribe()
    }
    this.#left.next(true)
    this.#left.complete()
    if (ended === undefined || requests === undefined) return
    await lastValueFrom(requests.idle$.pipe(takeUntil(timer(this.#requestsWithin))), { defaultValue: undefined })
    if (requests.count > 0) this.#logger.warn(`${requests.count} requests are still in flight after ${this.#requestsWithin} ms (raise registration.requestsWithin, or end streams by ended$)`)
  }

  #warnIfSignalsEndTheProcess(): void {
    if (process.listenerCount('SIGTERM') > 0) return
    this.#logger.warn('SIGTERM ends this process at once, and the registration stays until its TTL has passed (call app.enableShutdownHooks() before app.listen())')
  }

  #log(state: Registration): void {
    const { service } = this.#options ?? { service: '' }
    if (state.status === 'registered') this.#logger.log(`${service} is registered as ${state.key}`)
    else if (state.status === 'lost') this.#logger.warn(`${service} may not be registered any more: ${state.cause.message}; retrying`)
    else if (state.status === 'taken') this.#logger.warn(`${service} waits: another process holds ${state.key}`)
    else if (state.status !== 'registering') this.#logger.log(`${service} is ${state.status}`)
  }
}
