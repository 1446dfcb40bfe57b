import { assertInInjectionContext, inject, Injector } from '@angular/core'
import { invalidArguments, invalidOptions, anObject } from '#internal/core/arguments'
import { serviceName } from '#internal/core/instance/names'
import { throwIfInvalid } from '#internal/core/validation'
import type { Balancer } from 'rx-discovery'
import { SERVICE_DISCOVERY } from './service-discovery.js'

/** Options of {@link injectBalancer}. */
export interface InjectBalancerOptions {
  /** Where to inject, outside an injection context. @default that of the caller */
  readonly injector?: Injector | undefined
}

/**
 * The balancer of a service: one per process, which `balancedInterceptor` uses, too. It opens nothing before its first call. On a server its calls error with
 * `InvalidArgument` unless `withServerDiscovery` is provided.
 *
 * @example readonly orders = injectBalancer('orders')
 */
export const injectBalancer = (service: string, options?: InjectBalancerOptions): Balancer => {
  throwIfInvalid(
    invalidArguments('injectBalancer(service, options)', ['service', serviceName, service]) ?? invalidOptions<InjectBalancerOptions>('injectBalancer', options, { injector: anObject }),
  )
  if (options?.injector === undefined) assertInInjectionContext(injectBalancer)
  return (options?.injector ?? inject(Injector)).get(SERVICE_DISCOVERY).balancer(service)
}
