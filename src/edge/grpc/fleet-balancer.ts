import { connectivityState as states, experimental, Metadata, status } from '@grpc/grpc-js'
import type { Policy } from '../../core/balance/policy.js'
import type { Outliers } from '../../core/balance/outliers.js'
import type { ServiceInstance } from '../../core/instance/instance.js'
import { asRegistered } from '../../core/sets/probing.js'
import { instancesOf, withInstances } from '../../core/sets/service-set.js'
import { SortedMap } from '../../core/sorted-map/sorted-map.js'
import { Picker } from '../../flow/balancing/picker.js'
import { fleetAttribute, fleetOfAddresses, type Fleet } from './fleet.js'
import { TrackedCalls } from './tracked-calls.js'

type State = ReturnType<experimental.LeafLoadBalancer['getConnectivityState']>

/** How a balancer balances, as the service config has it. */
export interface FleetPolicy {
  /** The same text for the same configuration. */
  readonly text: string
  readonly policy: Policy
  readonly outliers: Outliers
  readonly panic: number
  readonly zones: readonly string[]
  /** The status codes that are failures of the instance. */
  readonly failures: ReadonlySet<status>
}

/** The connection to an instance: it is kept until the instance leaves or has another endpoint. */
interface Child {
  readonly endpoint: experimental.Endpoint
  readonly leaf: experimental.LeafLoadBalancer
  state: State
}

/** The endpoints of an update: a list, or from grpc-js 1.14 on a list or an error. */
type Update = readonly experimental.Endpoint[] | { readonly ok: boolean; readonly value?: readonly experimental.Endpoint[]; readonly error?: { readonly details: string } }

const sameEndpoint = (a: experimental.Endpoint, b: experimental.Endpoint): boolean => experimental.endpointToString(a) === experimental.endpointToString(b)

const isUp = (instance: ServiceInstance | undefined): boolean => instance !== undefined && asRegistered(instance).status === 'up'

// for the pickers that do not look at the call
const noCall: experimental.PickArgs = { metadata: new Metadata(), extraPickInfo: {} }

const noIds: ReadonlySet<string> = new Set()

/** Balances the calls of one channel over the instances that are connected, as `balance` does. */
export class FleetBalancer {
  readonly #helper: experimental.ChannelControlHelper
  /** The arguments of a child after its endpoint and helper: given to the constructor up to grpc-js 1.12, and with each update after that. */
  readonly #given: readonly unknown[]
  readonly #children = new Map<string, Child>()
  #fleet: Fleet | undefined
  #connected: SortedMap<ServiceInstance> = SortedMap.empty()
  #policy: FleetPolicy | undefined
  #picker: Picker<unknown> | undefined
  #calls: TrackedCalls | undefined
  #error = ''
  #updating = false
  #shown: State = states.IDLE
  #reason = ''

  constructor(helper: experimental.ChannelControlHelper, given: readonly unknown[]) {
    this.#helper = helper
    this.#given = given
  }

  /** Follows the next fleet at the cost of the difference. The third argument has the attributes of the resolver. */
  update(update: Update, policy: FleetPolicy, options: Readonly<Record<string, unknown>>, note: string): void {
    const endpoints = 'ok' in update ? update.value : update
    this.#use(policy)
    if (endpoints === undefined) {
      this.#error = 'ok' in update ? (update.error?.details ?? '') : ''
    } else {
      const { [fleetAttribute]: attribute, ...rest } = options
      this.#fleet = (attribute as Fleet | undefined) ?? fleetOfAddresses(endpoints)
      this.#error = ''
      this.#updating = true
      this.#reconcile(this.#fleet, this.#given.length > 0 ? this.#given : [rest, note])
      this.#updating = false
    }
    this.#show()
  }

  /** Makes calls fail with the reason. */
  refuse(error: Error): void {
    this.destroy()
    this.#error = error.message
    this.#show()
  }

  /** Connects what is not connected. */
  exitIdle(): void {
    for (const [id, child] of this.#children) this.#connect(id, child)
  }

  destroy(): void {
    for (const { leaf } of this.#children.values()) leaf.destroy()
    this.#children.clear()
    this.#connected = SortedMap.empty()
    this.#fleet = undefined
  }

  pick(args: experimental.PickArgs): experimental.PickResult {
    const endpoint = this.#picker?.pick(undefined, noIds)
    const child = endpoint && this.#children.get(endpoint.id)
    if (endpoint === undefined || child === undefined) return this.#unavailable(this.#picker?.noInstance().message ?? this.#reason)
    const pick = child.leaf.getPicker().pick(args)
    return pick.pickResultType === experimental.PickResultType.COMPLETE ? (this.#calls?.track(endpoint, pick) ?? pick) : pick
  }

  #use(policy: FleetPolicy): void {
    if (this.#policy?.text === policy.text) return
    this.#policy = policy
    const { outliers, panic, zones, failures } = policy
    this.#picker = new Picker(policy.policy, { outliers, panic, zones, random: Math.random, wait: 0 })
    this.#calls = new TrackedCalls(this.#picker, failures)
  }

  /** Keeps the children of the instances that stay, so that their connections stay, too. */
  #reconcile({ set, endpoints }: Fleet, given: readonly unknown[]): void {
    for (const [id, { leaf, endpoint }] of this.#children) {
      const now = set.has(id) ? endpoints.get(id) : undefined
      if (now !== undefined && sameEndpoint(now, endpoint)) continue
      this.#children.delete(id)
      leaf.destroy()
    }
    for (const [id, endpoint] of endpoints)
      // an instance that starts or drains needs no connection, and one that it has serves the calls in flight
      if (!this.#children.has(id) && isUp(set.get(id))) this.#children.set(id, this.#child(id, endpoint, given))
    this.#connected = instancesOf(set)
    for (const { id } of set) if (this.#children.get(id)?.state !== states.READY) this.#connected = this.#connected.delete(id)
    this.exitIdle()
  }

  #child(id: string, endpoint: experimental.Endpoint, given: readonly unknown[]): Child {
    const updateState = (state: State): void => this.#changed(id, child, state)
    const helper = experimental.createChildChannelControlHelper(this.#helper, { updateState })
    const leaf = Reflect.construct(experimental.LeafLoadBalancer, [endpoint, helper, ...given]) as experimental.LeafLoadBalancer
    const child: Child = { endpoint, leaf, state: states.IDLE }
    return child
  }

  #connect(id: string, { leaf, state }: Child): void {
    if (state === states.IDLE && isUp(this.#fleet?.set.get(id))) leaf.startConnecting()
  }

  #changed(id: string, child: Child, state: State): void {
    const before = child.state
    child.state = state
    if (this.#children.get(id) !== child) return
    const instance = this.#fleet?.set.get(id)
    if (state === states.READY && instance !== undefined) this.#connected = this.#connected.set(id, instance)
    else if (before === states.READY) this.#connected = this.#connected.delete(id)
    if (this.#updating) return
    // the list of another resolver, such as that of `dns:`, may be old
    if (before === states.READY && state !== states.READY) this.#helper.requestReresolution()
    this.#connect(id, child)
    this.#show()
  }

  /** Shows the channel whether calls can be made, wait or fail. */
  #show(): void {
    if (this.#fleet !== undefined) this.#picker?.follow(withInstances(this.#fleet.set, this.#connected))
    const up = [...this.#children].filter(([id]) => isUp(this.#fleet?.set.get(id)))
    const { set: { service = '' } = {}, shortage = '' } = this.#fleet ?? {}
    const [failed] = up
    if (failed === undefined) this.#update(states.TRANSIENT_FAILURE, this.#error || shortage || `no instance of ${service || 'the service'} is up`)
    else if (up.some(([, { state }]) => state === states.READY)) this.#update(states.READY, '')
    else if (up.some(([, { state }]) => state !== states.TRANSIENT_FAILURE)) this.#update(states.CONNECTING, '')
    else this.#update(states.TRANSIENT_FAILURE, `no instance of ${service || 'the service'} can be reached; ${failed[0]}: ${this.#failureOf(failed[1])}`)
  }

  #failureOf({ leaf }: Child): string {
    return leaf.getPicker().pick(noCall).status?.details ?? 'no connection'
  }

  #update(state: State, reason: string): void {
    if (state === this.#shown && reason === this.#reason) return
    this.#shown = state
    this.#reason = reason
    const picker =
      state === states.READY ? { pick: (args: experimental.PickArgs) => this.pick(args) }
      : state === states.CONNECTING ? new experimental.QueuePicker({ exitIdle: () => this.exitIdle() } as experimental.LoadBalancer)
      : new experimental.UnavailablePicker({ code: status.UNAVAILABLE, details: reason, metadata: new Metadata() })
    this.#helper.updateState(state, picker, reason || null)
  }

  #unavailable(details: string): experimental.PickResult {
    return new experimental.UnavailablePicker({ code: status.UNAVAILABLE, details, metadata: new Metadata() }).pick(noCall)
  }
}
