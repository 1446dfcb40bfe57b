import { isPlatformServer } from '@angular/common'
import { APP_BOOTSTRAP_LISTENER, ApplicationRef, inject, InjectionToken, makeEnvironmentProviders, NgZone, PLATFORM_ID, TransferState, type EnvironmentProviders, type Provider } from '@angular/core'
import { functionOf, invalidArguments, invalidOptions, readableRegistry, anObject, text, type Checks } from '#internal/core/arguments'
import { serviceName } from '#internal/core/instance/names'
import { either, must, throwIfInvalid } from '#internal/core/validation'
import { projectCheck, type Project } from '#internal/core/wire/serving'
import { InvalidArgument, type ReadableRegistry } from 'rx-discovery'
import type { SseRegistryOptions } from 'rx-discovery/browser'
import { ResponseTransfer } from './response-transfer.js'
import { SERVICE_DISCOVERY, ServiceDiscovery } from './service-discovery.js'
import { sharedRegistry, type ServiceOptions } from './shared-service.js'

/** From where an application discovers: the URL of a bridge with the options of `sseRegistry`, or a registry. */
export interface ServiceDiscoveryConfig extends SseRegistryOptions {
  /** The URL of what `sseHandler` of `rx-discovery/sse` serves; in a page it may be a path. */
  readonly url?: string | URL | undefined
  /** A registry to use instead, such as `memoryRegistry()` in tests, or `etcdRegistry({ hosts })` on a server. The application does not close it. */
  readonly registry?: ReadableRegistry | undefined
}

/** Options of {@link withServerDiscovery}. */
export interface ServerDiscoveryOptions {
  /** What of an instance the server puts into the page for the browser. @default everything but its metadata */
  readonly project?: Project | undefined
}

/** A feature of {@link provideServiceDiscovery}: the result of `withService` or `withServerDiscovery`. */
export interface ServiceDiscoveryFeature {
  readonly providers: readonly Provider[]
}

interface NamedOptions {
  readonly service: string
  readonly options: ServiceOptions
}

const CONFIG = new InjectionToken<ServiceDiscoveryConfig>('ServiceDiscoveryConfig')
const SERVICES = new InjectionToken<readonly NamedOptions[]>('withService')
const SERVER = new InjectionToken<ServerDiscoveryOptions>('withServerDiscovery')

const url = either(text, must(value => value instanceof URL, 'be a URL, or in a browser the path of one', "such as 'https://gateway.example/discovery'"))
// `sseRegistry` checks its own options.
const unchecked = (): undefined => undefined
const configChecks: Checks<ServiceDiscoveryConfig> = { url, registry: readableRegistry, headers: unchecked, fetch: unchecked, maxBytes: unchecked, share: unchecked }
const serviceChecks: Checks<ServiceOptions> = { discover: anObject, pipe: functionOf('a function of an Observable of sets'), policy: anObject, balance: anObject }

const checkedConfig = (config: ServiceDiscoveryConfig): ServiceDiscoveryConfig => {
  throwIfInvalid(invalidArguments('provideServiceDiscovery({ url }, ...features)', ['config', anObject, config]) ?? invalidOptions('provideServiceDiscovery', config, configChecks))
  if ((config.url === undefined) === (config.registry === undefined))
    throw new InvalidArgument('url', `must be given, or registry, but not both (such as provideServiceDiscovery({ url: '/discovery' }))`)
  return config
}

const registryOf = ({ registry, url: at = '', ...options }: ServiceDiscoveryConfig): (() => ReadableRegistry) => () => registry ?? sharedRegistry(at, options)

/**
 * Sets options for one service. The balancer of a service belongs to the process, so keep the options outside of functions that run for each request.
 *
 * @example withService('orders', { policy: roundRobin() })
 */
export const withService = (service: string, options: ServiceOptions): ServiceDiscoveryFeature => {
  throwIfInvalid(invalidArguments('withService(service, options)', ['service', serviceName, service], ['options', anObject, options]) ?? invalidOptions('withService', options, serviceChecks))
  return { providers: [{ provide: SERVICES, useValue: { service, options }, multi: true }] }
}

/**
 * Makes a server follow services and call them, too; without it a server opens nothing and renders pending sets. All requests share one registry, and one
 * balancer per service. What the server knows is put into the page and is the browser's first set, `stale`.
 */
export const withServerDiscovery = (options: ServerDiscoveryOptions = {}): ServiceDiscoveryFeature => {
  throwIfInvalid(invalidOptions<ServerDiscoveryOptions>('withServerDiscovery', options, { project: projectCheck }))
  return { providers: [{ provide: SERVER, useValue: options }] }
}

const serviceDiscovery = (): ServiceDiscovery => {
  const isServer = isPlatformServer(inject(PLATFORM_ID))
  const server = inject(SERVER, { optional: true })
  const named = inject(SERVICES, { optional: true }) ?? []
  return new ServiceDiscovery({
    registry: isServer && server === null ? undefined : registryOf(inject(CONFIG)),
    services: new Map(named.map(({ service, options }) => [service, options])),
    isServer,
    project: server?.project ?? { metadata: [] },
    state: inject(TransferState),
    zone: inject(NgZone),
  })
}

/**
 * Provides discovery to an application, for `injectServiceSet`, `injectBalancer` and `balancedInterceptor`. If it is given twice, such as in the configuration of
 * the server, the later `url` or `registry` counts, and the features of both. Throws `InvalidArgument`.
 *
 * @example bootstrapApplication(App, { providers: [provideServiceDiscovery({ url: '/discovery' })] })
 */
export const provideServiceDiscovery = (config: ServiceDiscoveryConfig, ...features: readonly ServiceDiscoveryFeature[]): EnvironmentProviders =>
  makeEnvironmentProviders([
    { provide: CONFIG, useValue: checkedConfig(config) },
    { provide: SERVICE_DISCOVERY, useFactory: serviceDiscovery },
    { provide: ResponseTransfer, useFactory: () => new ResponseTransfer(inject(TransferState), isPlatformServer(inject(PLATFORM_ID))) },
    {
      provide: APP_BOOTSTRAP_LISTENER,
      multi: true,
      useFactory: () => {
        const [app, transfer] = [inject(ApplicationRef), inject(ResponseTransfer)]
        return () => void app.whenStable().then(() => transfer.end())
      },
    },
    ...features.flatMap(({ providers }) => providers),
  ])
