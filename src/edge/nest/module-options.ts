import { isObservable, type Observable } from 'rxjs'
import type { InjectionToken } from '@nestjs/common'
import { duration, flag, formats, invalidOptions, optionsOf, anObject, registry, text, type Checks } from '#internal/core/arguments'
import { must, throwIfInvalid, type Validator } from '#internal/core/validation'
import { InvalidArgument, type Formats, type RegisterOptions, type Registry, type ServiceInstanceInput, type Status } from 'rx-discovery'
import type { ConnectOptions } from 'rx-discovery/etcd'

type InstanceFields = Omit<ServiceInstanceInput, 'address' | 'status'>

/** How this process registers: the fields of its instance, and the options of `register`. */
export interface RegistrationOptions extends InstanceFields, Omit<RegisterOptions<Formats>, 'health' | 'until'> {
  /** The address under which others reach this process: `host:port`, or a host alone. @default that of the server, as `advertise` of `rx-discovery/node` finds it */
  readonly address?: string | undefined
  /** The status of the instance: an Observable, or the token of a provider that is one. @default `up` as soon as the app listens */
  readonly health?: Observable<Status> | InjectionToken<Observable<Status>> | undefined
  /** How long the instance is `draining` before it is revoked, ms: 0, or 50 and more. @default 2000 */
  readonly drain?: number | undefined
  /** After the drain, how long the shutdown waits for requests in flight before the providers of the app are destroyed, ms. @default 10000 */
  readonly requestsWithin?: number | undefined
}

/** Options of `ServiceDiscoveryModule.forRoot`. */
export interface ServiceDiscoveryOptions {
  /** How to reach etcd. @default the environment variables that the command line reads: `ETCD_ENDPOINTS`, `ETCD_USER`, `ETCD_PASSWORD` */
  readonly etcd?: ConnectOptions | undefined
  /** A registry to use instead of one on `etcd`. The module closes it when the app has shut down, if it can be closed. */
  readonly registry?: Registry | undefined
  /** How instances are read, and written unless `registration.format` says otherwise. @default native() */
  readonly format?: Formats | undefined
  /** How this process registers. @default it does not */
  readonly registration?: RegistrationOptions | undefined
  /** Whether `ServiceRegistration.start` begins the registration instead of the app when it listens: for microservices. @default false */
  readonly manualRegistration?: boolean | undefined
}

/** What the definition of the module depends on, so that `forRootAsync` takes it beside its factory. */
export interface ServiceDiscoveryExtras {
  /** The name of the registry, which tokens and `forFeature` then take. @default none */
  readonly name?: string | undefined
}

const healthOrToken: Validator = must(
  value => isObservable(value) || ['string', 'symbol', 'function'].includes(typeof value),
  'be an Observable of statuses, or the token of a provider that is one',
)

// `register` checks everything that it is given; here only what it never sees.
const registration: Validator = value => anObject(value) ?? own(value)
const own = (value: unknown): ReturnType<Validator> => {
  const { service, address, health, requestsWithin, until } = value as Readonly<Record<string, unknown>>
  return optionsOf(
    'registration',
    { service: text, address: text, health: healthOrToken, requestsWithin: duration, until: must(given => given === undefined, 'be left out: the shutdown of the app ends the registration') },
    ['service'],
  )({ service, address, health, requestsWithin, until })
}

const checks: Checks<ServiceDiscoveryOptions> = { etcd: anObject, registry, format: formats, registration, manualRegistration: flag }

/** The options of the module, if they are right; throws `InvalidArgument`. */
export const checkedOptions = (options: ServiceDiscoveryOptions | undefined): ServiceDiscoveryOptions => {
  throwIfInvalid(invalidOptions<ServiceDiscoveryOptions>('ServiceDiscoveryModule', options, checks))
  if (options?.registry !== undefined && options.etcd !== undefined) throw new InvalidArgument('registry', 'must be left out where etcd is given, got both (etcd is for the registry that the module makes)')
  return options ?? {}
}
