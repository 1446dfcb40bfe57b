import { ConfigurableModuleBuilder, Module, type ConfigurableModuleAsyncOptions, type DynamicModule, type Provider } from '@nestjs/common'
import { HttpAdapterHost, ModuleRef, ModulesContainer } from '@nestjs/core'
import type { Observable } from 'rxjs'
import type { ServiceSet } from 'rx-discovery'
import { serviceName } from '#internal/core/instance/names'
import { invalidIf, throwIfInvalid } from '#internal/core/validation'
import { AppLifecycle, type AppParts } from './app-lifecycle.js'
import { DiscoveredServices, type DiscoveredService } from './discovered-services.js'
import { checkedOptions, type ServiceDiscoveryExtras, type ServiceDiscoveryOptions } from './module-options.js'
import { configuredRegistry } from './configured-registry.js'
import { ServiceDiscoveryIndicator } from './service-discovery-indicator.js'
import { ServiceRegistration } from './service-registration.js'
import { getBalancerToken, getDiscoveredServicesToken, getIndicatorToken, getRegistrationToken, getRegistryToken, getServiceSetToken } from './injection-tokens.js'

/** Options of {@link ServiceDiscoveryModule.forRoot}. */
export interface ForRootOptions extends ServiceDiscoveryOptions, ServiceDiscoveryExtras {}

/** Options of {@link ServiceDiscoveryModule.forRootAsync}. */
export type ForRootAsyncOptions = ConfigurableModuleAsyncOptions<ServiceDiscoveryOptions, 'createServiceDiscoveryOptions'> & ServiceDiscoveryExtras

const settings = Symbol('settings')

const optionsToken = Symbol('options')

/** The providers of one registry. */
const withProviders = (definition: DynamicModule, { name }: ServiceDiscoveryExtras): DynamicModule => {
  const [registry, registration, services, indicator] = [getRegistryToken(name), getRegistrationToken(name), getDiscoveredServicesToken(name), getIndicatorToken(name)]
  const lifecycle = Symbol('lifecycle')
  const providers: readonly Provider[] = [
    { provide: settings, inject: [optionsToken], useFactory: checkedOptions },
    { provide: registry, inject: [settings], useFactory: configuredRegistry },
    {
      provide: registration,
      inject: [registry, settings, HttpAdapterHost, ModuleRef],
      useFactory: (from: AppParts['registry'], { registration: options, format }: ServiceDiscoveryOptions, host: HttpAdapterHost, modules: ModuleRef) =>
        new ServiceRegistration(from, options && { ...options, format: options.format ?? format }, host, modules),
    },
    {
      provide: lifecycle,
      inject: [registry, registration, settings, HttpAdapterHost, ModulesContainer],
      useFactory: (...[from, own, { manualRegistration = false }, host, modules]: [AppParts['registry'], ServiceRegistration, ServiceDiscoveryOptions, HttpAdapterHost, ModulesContainer]) =>
        new AppLifecycle({ registry: from, registration: own, manualRegistration, host, modules, token: lifecycle }),
    },
    { provide: services, inject: [registry, settings], useFactory: (from: AppParts['registry'], { format }: ServiceDiscoveryOptions) => new DiscoveredServices(from, format) },
    { provide: indicator, inject: [registration, ModuleRef], useFactory: (own: ServiceRegistration, modules: ModuleRef) => new ServiceDiscoveryIndicator(own, modules, name) },
  ]
  // The registry without a name is also injected by class.
  const aliases: readonly Provider[] = name === undefined ? [{ provide: ServiceRegistration, useExisting: registration }, { provide: ServiceDiscoveryIndicator, useExisting: indicator }] : []
  return {
    ...definition,
    global: true,
    providers: [...(definition.providers ?? []), ...providers, ...aliases],
    exports: [registry, registration, services, indicator, ...(name === undefined ? [ServiceRegistration, ServiceDiscoveryIndicator] : [])],
  }
}

const { ConfigurableModuleClass } = new ConfigurableModuleBuilder<ServiceDiscoveryOptions>({ optionsInjectionToken: optionsToken })
  .setClassMethodName('forRoot')
  .setFactoryMethodName('createServiceDiscoveryOptions')
  .setExtras<ServiceDiscoveryExtras>({ name: undefined }, withProviders)
  .build()

const providersOf = (named: string | DiscoveredService, name: string | undefined): readonly Provider[] => {
  const options = typeof named === 'string' ? { service: named } : named
  const { service, discover, pipe, policy, balance } = options
  throwIfInvalid(invalidIf('service', serviceName, service))
  const sharesSets = discover === undefined && pipe === undefined
  const sharesBalancer = sharesSets && policy === undefined && balance === undefined
  const [services, sets] = [getDiscoveredServicesToken(name), getServiceSetToken(service, name)]
  return [
    { provide: sets, inject: [services], useFactory: (from: DiscoveredServices) => from.set$(options, sharesSets) },
    // It follows what `sets` provides, which a test may override.
    { provide: getBalancerToken(service, name), inject: [services, sets], useFactory: (from: DiscoveredServices, set$: Observable<ServiceSet>) => from.balancer(set$, options, sharesBalancer) },
  ]
}

/**
 * Service discovery for Nest: one registry for the app, what it discovers as providers, and the registration of the app itself, which begins when the app listens and ends
 * before it stops to accept requests.
 */
export class ServiceDiscoveryModule extends ConfigurableModuleClass {
  /**
   * The module with the registry, global. Import it once for each registry. Wrong options make the app fail to start, with `InvalidArgument`.
   *
   * @example ServiceDiscoveryModule.forRoot({ registration: { service: 'orders' } })
   */
  static override forRoot(options: ForRootOptions = {}): DynamicModule {
    return super.forRoot(options)
  }

  /** As `forRoot`, with options from a factory. `name` stands beside the factory, since tokens depend on it. */
  static override forRootAsync(options: ForRootAsyncOptions): DynamicModule {
    return super.forRootAsync(options)
  }

  /**
   * Provides the sets and a balancer of each service, for `InjectServiceSet` and `InjectBalancer`. Throws `InvalidArgument` for a name that is not one of a service.
   *
   * @param services Names of services, or services with options
   * @param name That of the registry, if it has one
   * @example ServiceDiscoveryModule.forFeature(['orders', { service: 'users', policy: roundRobin() }])
   */
  static forFeature(services: readonly (string | DiscoveredService)[], name?: string): DynamicModule {
    const providers = services.flatMap(service => providersOf(service, name))
    return { module: ServiceDiscoveryModule, providers, exports: providers.map(provider => (provider as { readonly provide: symbol }).provide) }
  }
}
Module({})(ServiceDiscoveryModule)
