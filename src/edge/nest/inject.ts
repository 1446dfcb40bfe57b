import { Inject } from '@nestjs/common'
import { getBalancerToken, getRegistrationToken, getRegistryToken, getServiceSetToken } from './injection-tokens.js'

/** What decorates a parameter of a constructor, or a property. */
export type Injection = PropertyDecorator & ParameterDecorator

/** Injects the registry: `@InjectRegistry() registry: Registry`. @param name That of the registry, as given to `forRoot` */
export const InjectRegistry = (name?: string): Injection => Inject(getRegistryToken(name))

/** Injects the registration of this process: `@InjectRegistration() registration: ServiceRegistration`. */
export const InjectRegistration = (name?: string): Injection => Inject(getRegistrationToken(name))

/** Injects the sets of a service of `forFeature`: `@InjectServiceSet('orders') orders$: Observable<ServiceSet>`. */
export const InjectServiceSet = (service: string, name?: string): Injection => Inject(getServiceSetToken(service, name))

/** Injects the balancer of a service of `forFeature`: `@InjectBalancer('orders') orders: Balancer`. */
export const InjectBalancer = (service: string, name?: string): Injection => Inject(getBalancerToken(service, name))
