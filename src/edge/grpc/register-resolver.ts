import { experimental } from '@grpc/grpc-js'
import { defer, of, Subscription, type MonoTypeOperatorFunction, type Observable } from 'rxjs'
import { functionOf, formats as formatsCheck, invalidArguments, invalidOptions, readableRegistry, text } from '../../core/arguments.js'
import { exponential } from '../../core/backoff.js'
import { Denied, toError } from '../../core/errors.js'
import type { Format, Formats } from '../../core/formats/format.js'
import type { ServiceInstance } from '../../core/instance/instance.js'
import { instancesOf, type ServiceSet } from '../../core/sets/service-set.js'
import { SortedMap } from '../../core/sorted-map/sorted-map.js'
import { must, throwIfInvalid } from '../../core/validation.js'
import { discover } from '../../flow/discovery/discover.js'
import { recover } from '../../flow/recover.js'
import type { ReadableRegistry } from '../../flow/registry.js'
import { nothing, subscribeWithin } from '../../flow/subscribe-within.js'
import { fleetOf } from './fleet.js'
import { resolved, unresolved, type ResolutionListener } from './resolution.js'
import { authorityOf, hostOf, serviceOfTarget } from './target.js'

/** Options of {@link registerResolver}. */
export interface ResolverOptions<F extends Formats = Format> {
  /** The scheme of the targets. @default 'etcd' */
  readonly scheme?: string
  /** The format of the stored instances, or several. @default native() */
  readonly format?: F
  /** The name of the endpoint to connect to; the endpoint is `host:port` or a URL. @default the address of the instance */
  readonly endpoint?: string
  /** Changes the sets on their way to gRPC, such as `protect()`, `subset({ size: 20 })` or `probe(grpcProbe())`. @default none */
  readonly pipe?: MonoTypeOperatorFunction<ServiceSet>
}

/** The sets of a service, or an error that is retried. */
type Sets = Observable<ServiceSet | Error>

/** Tells gRPC about a service as it changes, from `updateResolution` to `destroy`. */
class ServiceResolver {
  readonly #sets: Sets
  readonly #endpoint: string | undefined
  readonly #listener: ResolutionListener
  #subscription: Subscription | undefined
  #instances: SortedMap<ServiceInstance> | undefined
  #seen = false
  #listed = false
  #failure = ''

  constructor(sets: Sets, endpoint: string | undefined, listener: ResolutionListener) {
    this.#sets = sets
    this.#endpoint = endpoint
    this.#listener = listener
  }

  /** Starts to follow the service; while it is followed, there is nothing newer to ask for. */
  updateResolution(): void {
    if (this.#subscription !== undefined) return
    const subscription = new Subscription()
    this.#subscription = subscription
    // the sets begin at once, and gRPC must not be called back before this returns
    queueMicrotask(() => {
      if (subscription.closed) return
      subscribeWithin(subscription, this.#sets, {
        next: set => this.#follow(set),
        error: (error: unknown) => {
          this.#fail(toError(error).message)
          this.#subscription = undefined
        },
        complete: nothing,
      })
    })
  }

  destroy(): void {
    this.#subscription?.unsubscribe()
    this.#subscription = undefined
    this.#instances = undefined
    this.#listed = false
    this.#failure = ''
  }

  #follow(set: ServiceSet | Error): void {
    if (set instanceof Error) this.#fail(set.message)
    else if (set.status === 'pending') {
      if (set.trouble !== undefined) this.#fail(`service ${set.service} is not known yet: ${set.trouble.error.message}`)
    } else this.#resolve(set)
  }

  #resolve(set: ServiceSet): void {
    const instances = instancesOf(set)
    this.#seen ||= set.size > 0
    // a set that is stale, or live again, with the same instances is no news
    const same = this.#instances !== undefined && SortedMap.same(this.#instances, instances)
    this.#instances = instances
    if (same && set.size > 0) return
    const fleet = fleetOf(set, this.#endpoint, this.#seen)
    // an empty list takes back what was listed; if nothing was, up to grpc-js 1.13 `pick_first` would show a reason of its own for it
    this.#listed ||= fleet.shortage === ''
    if (!same && this.#listed) resolved(this.#listener, fleet)
    // after an empty list alone, calls of `round_robin` would wait for ever
    if (fleet.shortage !== '') this.#fail(fleet.shortage)
    else this.#failure = ''
  }

  #fail(details: string): void {
    if (details === this.#failure) return
    this.#failure = details
    unresolved(this.#listener, details)
  }
}

type ResolverConstructor = Parameters<typeof experimental.registerResolver>[1]

const schemeCheck = must(value => typeof value === 'string' && /^[A-Za-z][A-Za-z0-9+.-]*$/.test(value), "be the scheme of a URL, such as 'etcd'", 'write it without the colon')

/**
 * Makes `new Client('etcd:///greeter', credentials)` of `@grpc/grpc-js` follow the instances of a service. All channels of one service share one watch,
 * which ends when the last of them is closed. While the registry does not answer, the last known instances stay. If there is no instance to call, calls
 * fail with `UNAVAILABLE`, and the status says why. Throws `InvalidArgument`.
 *
 * @example
 * registerResolver(etcdRegistry({ hosts: 'localhost:2379' }))
 * new Client('etcd:///greeter', credentials.createInsecure(), { 'grpc.service_config': JSON.stringify({ loadBalancingConfig: [{ round_robin: {} }] }) })
 */
export const registerResolver = <const F extends Formats = Format>(registry: ReadableRegistry, options?: ResolverOptions<F>): void => {
  throwIfInvalid(
    invalidArguments('registerResolver(registry, options)', ['registry', readableRegistry, registry]) ??
      invalidOptions<ResolverOptions<F>>('registerResolver', options, {
        scheme: schemeCheck,
        format: formatsCheck,
        endpoint: text,
        pipe: functionOf('an operator on sets, such as protect()'),
      }),
  )
  const { scheme = 'etcd', format, endpoint, pipe = (sets: Observable<ServiceSet>) => sets } = options ?? {}
  const discovered = new Map<string, Observable<ServiceSet>>()
  const setsOf = (service: string): Sets => {
    const shared = discovered.get(service) ?? (discover(registry, service, format === undefined ? {} : { format }))
    discovered.set(service, shared)
    // a role may be granted later; all other errors are final
    return defer(() => pipe(shared)).pipe(
      recover({ backoff: exponential({ first: 1_000, max: 30_000 }), fatal: error => !(error instanceof Denied), interrupted: ({ error }) => of(error) }),
    )
  }
  // gRPC asks for an authority once before it makes the resolver, for the header of calls, and then for each connection, for the host of a URL
  const targets = new WeakSet()
  const Resolver = class extends ServiceResolver {
    constructor(target: ConstructorParameters<ResolverConstructor>[0], listener: ConstructorParameters<ResolverConstructor>[1]) {
      super(setsOf(serviceOfTarget(target)), endpoint, listener)
      targets.add(target)
    }

    static getDefaultAuthority(target: ConstructorParameters<ResolverConstructor>[0]): string {
      const authority = authorityOf(serviceOfTarget(target))
      return targets.has(target) ? hostOf(authority) : authority
    }
  }
  experimental.registerResolver(scheme, Resolver)
}
