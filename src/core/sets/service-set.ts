import { invalidArguments, invalidOptions, iterable, numberFrom, anObject, type Checks } from '../arguments.js'
import { invalidIf, listOf, must, oneOf, throwIfInvalid } from '../validation.js'
import { Closed, InvalidArgument } from '../errors.js'
import type { Rejection } from '../formats/format.js'
import type { ServiceInstance } from '../instance/instance.js'
import { isRecord } from '../instance/json.js'
import { serviceName } from '../instance/names.js'
import { KeySet } from '../sorted-map/key-set.js'
import { SortedMap } from '../sorted-map/sorted-map.js'
import type { Revision } from '../store.js'

/** Why a set is not live. */
export interface Trouble {
  readonly error: Error
  /** When the outage began, epoch ms. */
  readonly since: number
  /** The number of the attempt that failed, counted from 1 in each outage. */
  readonly attempt: number
  /** When the next attempt begins, epoch ms. */
  readonly retryAt: number
  /** The etcd endpoint that failed, if there is one. */
  readonly host?: string
}

/** `pending`: not read yet; `live`: what etcd has at `revision`; `stale`: what etcd had at `revision`, see `trouble`. */
export type SetStatus = 'pending' | 'live' | 'stale'

/** The instances of a service at one revision. A set never changes, and iterates sorted by id. */
export interface ServiceSet<M = unknown> extends Iterable<ServiceInstance<M>> {
  readonly service: string
  readonly status: SetStatus
  readonly revision: Revision
  readonly size: number
  readonly get: (id: string) => ServiceInstance<M> | undefined
  readonly has: (id: string) => boolean
  /** The instance at rank `index` in the order of ids, counted from 0; `undefined` if out of range. */
  readonly at: (index: number) => ServiceInstance<M> | undefined
  /** The entries that could not be decoded, by key. */
  readonly rejected: ReadonlyMap<string, Rejection>
  /** The ids of instances that have vanished, and that `protect` still shows. */
  readonly held: ReadonlySet<string>
  readonly trouble: Trouble | undefined
  /** When etcd last confirmed this set, epoch ms; 0 while pending. */
  readonly asOf: number
  readonly toArray: () => readonly ServiceInstance<M>[]
  readonly toJSON: () => unknown
}

/** The fields of a set other than its content. */
export interface SetState {
  readonly status: SetStatus
  readonly revision: Revision
  readonly asOf: number
  readonly trouble?: Trouble | undefined
  readonly held?: ReadonlySet<string>
}

/** The instances, by id, and the entries that could not be decoded, by key. */
export interface SetContent<M> {
  readonly service: string
  readonly instances: SortedMap<ServiceInstance<M>>
  readonly rejected: ReadonlyMap<string, Rejection>
}

const none: ReadonlySet<string> = KeySet.of(new Set())

const troubleJSON = ({ error: { name, message }, ...rest }: Trouble): unknown => ({ error: { name, message }, ...rest })

// The methods are getters that return a bound function: so `const { get } = set` works, and a test's deep comparison of two sets
// compares their data only.
class InstanceSet<M> implements ServiceSet<M> {
  readonly service: string
  readonly status: SetStatus
  readonly revision: Revision
  readonly asOf: number
  readonly trouble: Trouble | undefined
  readonly rejected: ReadonlyMap<string, Rejection>
  readonly held: ReadonlySet<string>
  readonly #instances: SortedMap<ServiceInstance<M>>
  #array: readonly ServiceInstance<M>[] | undefined

  constructor({ service, instances, rejected }: SetContent<M>, { status, revision, asOf, trouble, held = none }: SetState) {
    this.service = service
    this.status = status
    this.revision = revision
    this.asOf = asOf
    this.trouble = trouble
    this.rejected = rejected
    this.held = KeySet.of(held)
    this.#instances = instances
    Object.freeze(this)
  }

  static instancesOf<M>(set: ServiceSet<M>): SortedMap<ServiceInstance<M>> {
    return #instances in set ? (set as unknown as InstanceSet<M>).#instances : SortedMap.by([...set], ({ id }) => id)
  }

  get size(): number {
    return this.#instances.size
  }

  get get() {
    return (id: string): ServiceInstance<M> | undefined => this.#instances.get(id)
  }

  get has() {
    return (id: string): boolean => this.#instances.has(id)
  }

  get at() {
    return (index: number): ServiceInstance<M> | undefined => this.#instances.at(index)
  }

  get toArray() {
    return (): readonly ServiceInstance<M>[] => (this.#array ??= Object.freeze(this.#instances.toArray()))
  }

  get toJSON() {
    return (): unknown => ({
      service: this.service,
      status: this.status,
      revision: this.revision,
      asOf: this.asOf,
      ...(this.trouble && { trouble: troubleJSON(this.trouble) }),
      instances: this.toArray(),
      rejected: Array.from(this.rejected.values()),
      held: [...this.held],
    })
  }

  get [Symbol.iterator]() {
    return (): Iterator<ServiceInstance<M>> => this.#instances.values()
  }

  /** What Node's `console.log` prints. */
  get [Symbol.for('nodejs.util.inspect.custom')]() {
    return this.toJSON
  }
}

/** Makes a set from content and state; copies nothing. */
export const serviceSetOf = <M>(content: SetContent<M>, state: SetState): ServiceSet<M> => new InstanceSet(content, state)

/** The content of a service that has no entry. */
export const emptyContent = <M>(service: string): SetContent<M> => ({ service, instances: SortedMap.empty(), rejected: SortedMap.empty() })

/** The set of a service before anything has been read. */
export const pendingSet = <M = unknown>(service: string): ServiceSet<M> => serviceSetOf(emptyContent(service), { status: 'pending', revision: 0, asOf: 0 })

/** The instances of a set as a sorted map. Two of them can be compared cheaply with `SortedMap.difference`. */
export const instancesOf = <M>(set: ServiceSet<M>): SortedMap<ServiceInstance<M>> => InstanceSet.instancesOf(set)

const stateOf = ({ status, revision, asOf, trouble, held }: ServiceSet): SetState => ({ status, revision, asOf, trouble, held })

/** The set with other instances, and with other `held` ids if given; the same set (`===`) if both are the same. */
export const withInstances = <M>(
  set: ServiceSet<M>,
  instances: SortedMap<ServiceInstance<M>>,
  held: ReadonlySet<string> = set.held,
): ServiceSet<M> =>
  instances === instancesOf(set) && held === set.held
    ? set
    : serviceSetOf({ service: set.service, instances, rejected: set.rejected }, { ...stateOf(set), held })

/** The set with only some of its instances, and without the `held` ids of the others. */
export const restricted = <M>(set: ServiceSet<M>, instances: SortedMap<ServiceInstance<M>>): ServiceSet<M> => {
  const held = [...set.held].filter(id => instances.has(id))
  return withInstances(set, instances, held.length === set.held.size ? set.held : new Set(held))
}

/** The set with another state and the same content. */
export const withState = <M>(set: ServiceSet<M>, state: Partial<SetState>): ServiceSet<M> =>
  serviceSetOf({ service: set.service, instances: instancesOf(set), rejected: set.rejected }, { ...stateOf(set), ...state })

/** The last set of a stream that ended with an error at `at` (epoch ms). Its attempt is 0, since nothing is tried again. */
export const failedSet = <M>(set: ServiceSet<M>, error: Error, at: number): ServiceSet<M> => {
  const trouble = { error, since: set.trouble?.since ?? at, attempt: 0, retryAt: at }
  return withState(set, { status: set.status === 'pending' ? 'pending' : 'stale', trouble })
}

/** The last set of a registry that was closed at `at` (epoch ms). */
export const closedSet = <M>(set: ServiceSet<M>, at: number): ServiceSet<M> => failedSet(set, new Closed(), at)

/** Options of {@link serviceSet}; by default the set is `live` at revision 1. */
export interface ServiceSetOptions extends Partial<SetState> {
  /** The entries that could not be decoded. @default [] */
  readonly rejected?: Iterable<Rejection>
}

/** A revision; 0: nothing is known. */
export const revisionCheck = /* @__PURE__ */ must(value => Number.isSafeInteger(value) && (value as number) >= 0, 'be a whole number, 0 or more')

/** A point in time that a `Date` can hold, epoch ms. */
export const timeCheck = /* @__PURE__ */ numberFrom(0, 8.64e15)

const optionChecks = (): Checks<ServiceSetOptions> => ({
  status: oneOf('pending', 'live', 'stale'),
  revision: revisionCheck,
  asOf: timeCheck,
  trouble: anObject,
  held: iterable('a Set of ids'),
  rejected: iterable('a list of rejections'),
})

const listText = 'a list of instances'
const instanceCheck = /* @__PURE__ */ must(value => isRecord(value) && typeof value['id'] === 'string', 'be an instance, such as serviceInstance({ service, address })')

/**
 * Makes a set by hand, mostly for tests. Throws `InvalidArgument` if an instance belongs to another service.
 *
 * @example balance(of(serviceSet('web', [serviceInstance({ service: 'web', address: 'localhost:8000' })])))
 */
export const serviceSet = <M = unknown>(
  service: string,
  instances: Iterable<ServiceInstance<M>> = [],
  options?: ServiceSetOptions,
): ServiceSet<M> => {
  throwIfInvalid(
    invalidArguments('serviceSet(service, instances, options)', ['service', serviceName, service], ['instances', iterable(listText), instances]) ??
      invalidOptions('serviceSet', options, optionChecks()),
  )
  const { status = 'live', revision = status === 'pending' ? 0 : 1, asOf = 0, trouble, held = none, rejected = [] } = options ?? {}
  const all = [...instances]
  throwIfInvalid(invalidIf('instances', listOf(instanceCheck, listText), all))
  const stray = all.find(instance => instance.service !== service)
  if (stray !== undefined) throw new InvalidArgument('instances', `must be of service ${service}, ${stray.id} is of ${stray.service}`)
  return serviceSetOf(
    { service, instances: SortedMap.by(all, ({ id }) => id), rejected: SortedMap.by([...rejected], ({ key }) => key) },
    { status, revision, asOf, trouble, held },
  )
}
