import { either as E, function as F } from 'fp-ts'
import { address as addressCheck, foreignAddress, wildcard } from './address.js'
import { flaw, invalid, must, oneOf, under, type Validator, type Flaw } from '../validation.js'
import type { InvalidArgument } from '../errors.js'
import { isRecord, sameValue } from './json.js'
import { foreignId, instanceId, isText, serviceName } from './names.js'

/** What an instance reports about itself; calls go only to instances that are `up`. */
export type Status = 'starting' | 'up' | 'draining' | 'down'

/** One running instance of a service. Immutable. */
export interface ServiceInstance<M = unknown> {
  /** One segment or several, such as `web` or `foo/bar/my-service`. */
  readonly service: string
  /** Unique within its service. */
  readonly id: string
  /** `host:port`, IPv6 in brackets. */
  readonly address: string
  /** Further addresses by name, such as `{ http: 'http://…', grpc: '…' }`. */
  readonly endpoints: Readonly<Record<string, string>>
  readonly status: Status
  /** Its share of the calls in relation to the others, for policies that use weights. */
  readonly weight: number
  /** Where it runs, for `zoneAware`; `''`: not known. */
  readonly zone: string
  readonly version: string
  readonly tags: readonly string[]
  /**
   * Identifies one run of a process: drawn once per `register` subscription and kept across its leases. If an id appears with another incarnation,
   * another process registered under it. `''` if the format has none.
   */
  readonly incarnation: string
  readonly metadata: M
  /** `false` if its key in the registry has no lease, absent otherwise. `discover` sets it; no format writes it, and `register` ignores it. See {@link leased}. */
  readonly leased?: false | undefined
}

/** An instance as you write it down: absent fields take their defaults. */
export interface ServiceInstanceInput<M = unknown> {
  /** One segment or several, separated by `/`; 512 bytes at most. */
  readonly service: string
  /** One segment; 512 bytes at most. @default address */
  readonly id?: string | undefined
  /** `host:port`, IPv6 in brackets. */
  readonly address: string
  /** @default {} */
  readonly endpoints?: Readonly<Record<string, string>> | undefined
  /** @default 'up' */
  readonly status?: Status | undefined
  /** @default 1 */
  readonly weight?: number | undefined
  /** @default '' */
  readonly zone?: string | undefined
  /** @default '' */
  readonly version?: string | undefined
  /** @default [] */
  readonly tags?: readonly string[] | undefined
  /** @default a random one, drawn once per `register` subscription */
  readonly incarnation?: string | undefined
  /** Any JSON, or what the format's codec can encode. @default {} */
  readonly metadata?: M | undefined
}

// Shared by the instances that have none, which spares an allocation and a freeze each.
const noEndpoints: Readonly<Record<string, string>> = Object.freeze({})
const noTags: readonly string[] = Object.freeze([])
const noMetadata: unknown = Object.freeze({})

/** The four statuses. */
export const statuses: readonly Status[] = ['starting', 'up', 'draining', 'down']

/** Whether a value is one of the four statuses. */
export const isStatus = (value: unknown): value is Status => value === 'up' || value === 'starting' || value === 'draining' || value === 'down'

const statusCheck = oneOf('starting', 'up', 'draining', 'down')
const weightCheck = must(value => typeof value === 'number' && Number.isFinite(value) && value >= 0, 'be a finite number, 0 or more')
const textCheck = must(isText, 'be a string without control characters')

// A loop, since `every` skips holes.
const areTexts = (value: unknown): value is readonly string[] => {
  if (!Array.isArray(value)) return false
  for (const item of value) if (!isText(item)) return false
  return true
}

const tagsCheck = must(value => value === noTags || areTexts(value), 'be a list of strings without control characters')

const endpointsCheck: Validator = value => {
  if (value === noEndpoints) return undefined
  if (!isRecord(value)) return flaw('must be an object of strings', value, "such as { http: 'http://10.0.0.5:8080' }")
  for (const name of Object.keys(value)) {
    if (name === '__proto__') return { path: [], must: 'must not name "__proto__"' }
    if (!isText(name)) return flaw('must have names without control characters', name)
    const text: unknown = value[name]
    // Without a colon it is neither `host:port` nor a URL.
    const found = under(name, textCheck(text) ?? ((text as string).includes(':') ? wildcard(text) : undefined))
    if (found !== undefined) return found
  }
  return undefined
}

type Fields = { readonly [K in keyof ServiceInstance]?: unknown }

const instanceOf = <M>(input: Fields, idCheck: Validator, addressOf: Validator): E.Either<Flaw, ServiceInstance<M>> => {
  if (!isRecord(input)) return E.left(flaw('must be an object with service and address', input))
  const { service, address, id = address, status = 'up', weight = 1, zone = '', version = '', incarnation = '' } = input
  const { endpoints = noEndpoints, tags = noTags, metadata = noMetadata } = input
  const found =
    under('service', serviceName(service)) ??
    under('address', addressOf(address)) ??
    under('id', idCheck(id)) ??
    under('status', isStatus(status) ? undefined : statusCheck(status)) ??
    under('weight', weightCheck(weight)) ??
    under('zone', textCheck(zone)) ??
    under('version', textCheck(version)) ??
    under('incarnation', textCheck(incarnation)) ??
    under('endpoints', endpointsCheck(endpoints)) ??
    under('tags', tagsCheck(tags))
  if (found !== undefined) return E.left(found)
  const instance: ServiceInstance<M> = {
    service: service as string,
    id: id as string,
    address: address as string,
    endpoints: endpoints === noEndpoints ? noEndpoints : Object.freeze({ ...(endpoints as Readonly<Record<string, string>>) }),
    status: status as Status,
    weight: (weight as number) + 0, // JSON knows no -0
    zone: zone as string,
    version: version as string,
    incarnation: incarnation as string,
    tags: (tags as readonly string[]).length === 0 ? noTags : Object.freeze([...(tags as readonly string[])]),
    metadata: metadata as M,
  }
  return E.right(Object.freeze(instance))
}

/** Reads an instance that any program wrote; its id may hold a `/`, and its host may be a bare number. Absent fields take their defaults; the result is frozen, its metadata as given. */
export const readInstance = <M>(input: Fields): E.Either<Flaw, ServiceInstance<M>> => instanceOf(input, foreignId, foreignAddress)

const invalidInstance = ({ path: [field = 'instance', ...path], ...found }: Flaw): InvalidArgument => invalid(field, { ...found, path })

/** An instance to be written, or an error that names the field; total, whatever is passed. */
export const validInstance = <M = unknown>(input: ServiceInstanceInput<M>): E.Either<InvalidArgument, ServiceInstance<M>> =>
  F.pipe(instanceOf<M>(input, instanceId, addressCheck), E.mapLeft(invalidInstance))

/** Makes an instance from its fields; absent ones take their defaults. Throws `InvalidArgument`. */
export const serviceInstance = <M = unknown>(input: ServiceInstanceInput<M>): ServiceInstance<M> => {
  const made = validInstance(input)
  if (E.isLeft(made)) throw made.left
  return made.right
}

/** Whether two instances are equal in all their fields, metadata, incarnation and the mark of a key without a lease included. */
export const sameInstance = (a: ServiceInstance, b: ServiceInstance): boolean =>
  a === b ||
  (a.id === b.id &&
    a.address === b.address &&
    a.status === b.status &&
    a.weight === b.weight &&
    a.zone === b.zone &&
    a.version === b.version &&
    a.incarnation === b.incarnation &&
    a.service === b.service &&
    a.leased === b.leased &&
    sameValue(a.endpoints, b.endpoints) &&
    sameValue(a.tags, b.tags) &&
    sameValue(a.metadata, b.metadata))
