import { either as E } from 'fp-ts'
import { addressProblem } from './address.js'
import { InvalidArgument } from '../errors.js'
import { isRecord, sameValue } from './json.js'
import { isText, nameProblem } from './names.js'

export { validName } from './names.js'

/** What a service instance says of itself; only `up` ones are chosen. */
export type Status = 'starting' | 'up' | 'draining' | 'down'

/** One running instance of a service. */
export interface ServiceInstance<M = unknown> {
  readonly service: string
  readonly id: string
  /** `host:port`, IPv6 in brackets. */
  readonly address: string
  /** Further addresses by name, such as `{ http: 'http://…', grpc: '…' }`. */
  readonly endpoints: Readonly<Record<string, string>>
  readonly status: Status
  readonly weight: number
  readonly zone: string
  readonly version: string
  readonly tags: readonly string[]
  /** Identifies the process: drawn once per `register` subscription, kept across its leases; `''` if the format has none. */
  readonly incarnation: string
  readonly metadata: M
}

/** An instance as one writes it down: what is absent takes its default. */
export interface ServiceInstanceInput<M = unknown> {
  readonly service: string
  /** @default address */
  readonly id?: string | undefined
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
  /** Identifies the process. @default '', which `register` replaces by one that it draws */
  readonly incarnation?: string | undefined
  /** @default {} */
  readonly metadata?: M | undefined
}

/** What is wrong with one field of an instance. */
export interface Problem {
  readonly field: string
  readonly message: string
}

// Shared by the instances that have none, which spares an allocation and a freeze each.
const noEndpoints: Readonly<Record<string, string>> = Object.freeze({})
const noTags: readonly string[] = Object.freeze([])
const noMetadata: unknown = Object.freeze({})

const text = 'must be a string without control characters'

/** Whether it is one. */
export const isStatus = (value: unknown): value is Status => value === 'up' || value === 'starting' || value === 'draining' || value === 'down'

const endpointsProblem = (value: unknown): string | undefined => {
  if (!isRecord(value)) return 'must be an object of strings'
  for (const name of Object.keys(value)) {
    if (name === '__proto__') return 'must not name "__proto__"'
    if (!isText(name) || !isText(value[name])) return 'must be an object of strings without control characters'
  }
  return undefined
}

// A loop, since `every` passes over holes.
const areTexts = (value: unknown): value is readonly string[] => {
  if (!Array.isArray(value)) return false
  for (const item of value) if (!isText(item)) return false
  return true
}

const wrong = (field: string, message: string): E.Either<Problem, never> => E.left({ field, message })

/** Reads an instance from anything that has its fields; what is absent takes its default. The result is frozen, its metadata as given. */
export const readInstance = <M>(input: { readonly [K in keyof ServiceInstance]?: unknown }): E.Either<Problem, ServiceInstance<M>> => {
  if (!isRecord(input)) return wrong('instance', 'must be an object with service and address')
  const { service, address, id = address, status = 'up', weight = 1, zone = '', version = '', incarnation = '' } = input
  const { endpoints = noEndpoints, tags = noTags, metadata = noMetadata } = input
  const problem = nameProblem(service)
  if (problem !== undefined) return wrong('service', problem)
  const badAddress = addressProblem(address)
  if (badAddress !== undefined) return wrong('address', badAddress)
  const badId = nameProblem(id)
  if (badId !== undefined) return wrong('id', badId)
  if (!isStatus(status)) return wrong('status', 'must be starting, up, draining or down')
  if (typeof weight !== 'number' || !Number.isFinite(weight) || weight < 0) return wrong('weight', 'must be a finite number, 0 or more')
  if (!isText(zone)) return wrong('zone', text)
  if (!isText(version)) return wrong('version', text)
  if (!isText(incarnation)) return wrong('incarnation', text)
  const badEndpoints = endpoints === noEndpoints ? undefined : endpointsProblem(endpoints)
  if (badEndpoints !== undefined) return wrong('endpoints', badEndpoints)
  if (!areTexts(tags)) return wrong('tags', 'must be a list of strings without control characters')
  const instance: ServiceInstance<M> = {
    service: service as string,
    id: id as string,
    address: address as string,
    endpoints: endpoints === noEndpoints ? noEndpoints : Object.freeze({ ...(endpoints as Readonly<Record<string, string>>) }),
    status,
    weight: weight + 0, // JSON knows no -0
    zone,
    version,
    incarnation,
    tags: tags.length === 0 ? noTags : Object.freeze([...tags]),
    metadata: metadata as M,
  }
  return E.right(Object.freeze(instance))
}

/** An instance, or an error that names the field; total, whatever is passed. */
export const validInstance = <M = unknown>(input: ServiceInstanceInput<M>): E.Either<InvalidArgument, ServiceInstance<M>> =>
  E.mapLeft(({ field, message }: Problem) => new InvalidArgument(field, message))(readInstance<M>(input))

/** Makes an instance; throws `InvalidArgument`. */
export const serviceInstance = <M = unknown>(input: ServiceInstanceInput<M>): ServiceInstance<M> => {
  const made = validInstance(input)
  if (E.isLeft(made)) throw made.left
  return made.right
}

/** Whether two instances say the same, metadata included. */
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
    sameValue(a.endpoints, b.endpoints) &&
    sameValue(a.tags, b.tags) &&
    sameValue(a.metadata, b.metadata))
