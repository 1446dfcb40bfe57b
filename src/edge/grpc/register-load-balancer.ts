import { experimental, status, type ChannelOptions } from '@grpc/grpc-js'
import { invalid, listOf, must, oneOf, type Validator } from '../../core/validation.js'
import { numberFrom, optionsOf, percent, type Checks } from '../../core/arguments.js'
import type { InvalidArgument } from '../../core/errors.js'
import { outlierOptions, outliersOf, type OutlierOptions } from '../../core/balance/outliers.js'
import type { Policy } from '../../core/balance/policy.js'
import { leastRequest, type LeastRequestOptions } from '../../core/balance/policies/least-request.js'
import { peakEwma, type PeakEwmaOptions } from '../../core/balance/policies/peak-ewma.js'
import { zoneAware } from '../../core/balance/policies/zone-aware.js'
import { FleetBalancer, type FleetPolicy } from './fleet-balancer.js'

/** The configuration that both policies share. It is JSON, in the service config of a channel. */
export interface GrpcBalancerConfig {
  /** Which instances are ejected for a while; `false`: none. @default five failures in a row, and rates far from the others' */
  readonly outliers?: OutlierOptions | false
  /** If fewer of the connected instances are not ejected, %, ejections are ignored; 0: never. @default 50 */
  readonly panic?: number
  /** The caller's own zone, or several in the order of preference. @default none: all zones are equal */
  readonly zone?: string | readonly string[]
  /** The names of the status codes that are failures of the instance. @default UNKNOWN, DEADLINE_EXCEEDED, RESOURCE_EXHAUSTED, UNIMPLEMENTED, INTERNAL, UNAVAILABLE, DATA_LOSS */
  readonly failures?: readonly (keyof typeof status)[]
}

/** The configuration of `rx_discovery_peak_ewma`. */
export interface GrpcPeakEwmaConfig extends GrpcBalancerConfig, PeakEwmaOptions {}

/** The configuration of `rx_discovery_least_request`. */
export interface GrpcLeastRequestConfig extends GrpcBalancerConfig, LeastRequestOptions {}

const codes = Object.keys(status).filter(name => Number.isNaN(Number(name)) && name !== 'OK') as (keyof typeof status)[]

const sharedChecks: Checks<GrpcBalancerConfig> = {
  outliers: outlierOptions,
  panic: percent(),
  zone: must(value => typeof value === 'string' || (Array.isArray(value) && value.every(name => typeof name === 'string')), 'be the name of a zone, or a list of names'),
  failures: listOf(oneOf(...codes), "a list of names of status codes, such as ['UNAVAILABLE']"),
}

const usualFailures: readonly (keyof typeof status)[] = ['UNKNOWN', 'DEADLINE_EXCEEDED', 'RESOURCE_EXHAUSTED', 'UNIMPLEMENTED', 'INTERNAL', 'UNAVAILABLE', 'DATA_LOSS']

const policyOf = (config: GrpcBalancerConfig, policy: Policy): FleetPolicy => {
  const { outliers = {}, panic = 50, zone = [], failures = usualFailures } = config
  const zones = (typeof zone === 'string' ? [zone] : zone).filter(name => name !== '')
  return {
    text: JSON.stringify(config),
    policy: zones.length > 0 ? zoneAware(policy, { panic }) : policy,
    outliers: outliersOf(outliers),
    panic,
    zones,
    failures: new Set(failures.map(name => status[name])),
  }
}

/** Registers one policy with gRPC. */
const registerPolicy = <C extends GrpcBalancerConfig>(name: string, checks: Checks<Omit<C, keyof GrpcBalancerConfig>>, policyFor: (config: C) => Policy): void => {
  const validator: Validator = optionsOf(name, { ...sharedChecks, ...checks })
  class Config {
    readonly #config: C
    readonly policy: FleetPolicy | InvalidArgument

    // if this threw, gRPC would take `pick_first` silently
    constructor(config: C) {
      const found = validator(config)
      this.#config = config
      this.policy = found === undefined ? policyOf(config, policyFor(config)) : invalid(name, found)
    }

    static createFromJson(json: C): Config {
      return new Config(json)
    }

    getLoadBalancerName(): string {
      return name
    }

    toJsonObject(): object {
      return { [name]: this.#config }
    }
  }
  // the methods that gRPC calls; their arguments are those of all its versions from 1.10 on
  class Balancer {
    readonly #balancer: FleetBalancer

    constructor(helper: experimental.ChannelControlHelper, ...given: readonly unknown[]) {
      this.#balancer = new FleetBalancer(helper, given)
    }

    updateAddressList(update: Parameters<FleetBalancer['update']>[0], config: experimental.TypedLoadBalancingConfig, options: ChannelOptions = {}, note = ''): boolean {
      if (!(config instanceof Config)) return false
      const { policy } = config
      if (policy instanceof Error) this.#balancer.refuse(policy)
      else this.#balancer.update(update, policy, options, note)
      return true
    }

    exitIdle(): void {
      this.#balancer.exitIdle()
    }

    resetBackoff(): void {
      // each connection has a backoff of its own
    }

    destroy(): void {
      this.#balancer.destroy()
    }

    getTypeName(): string {
      return name
    }
  }
  experimental.registerLoadBalancerType(name, Balancer, Config)
}

/**
 * Registers the policies `rx_discovery_peak_ewma` and `rx_discovery_least_request` with `@grpc/grpc-js`, for the service config of a channel. They choose
 * among the instances that are connected and up, by their weights, zones, latencies and failures, as `balance` does, and keep one connection per instance.
 * With `registerResolver` they know the instances; with another resolver, such as `dns:`, only their addresses.
 *
 * @example
 * registerLoadBalancer()
 * new Client('etcd:///greeter', credentials.createInsecure(), {
 *   'grpc.service_config': JSON.stringify({ loadBalancingConfig: [{ rx_discovery_peak_ewma: { zone: 'a' } }] }),
 * })
 */
export const registerLoadBalancer = (): void => {
  registerPolicy<GrpcPeakEwmaConfig>('rx_discovery_peak_ewma', { decay: numberFrom(1), penalty: numberFrom(0) }, ({ decay, penalty }) => peakEwma({ decay, penalty }))
  registerPolicy<GrpcLeastRequestConfig>('rx_discovery_least_request', { choices: numberFrom(2, 10), bias: numberFrom(0) }, ({ choices, bias }) => leastRequest({ choices, bias }))
}
