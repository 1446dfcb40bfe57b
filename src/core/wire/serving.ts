import type { Format } from '../formats/format.js'
import { native } from '../formats/native.js'
import { validInstance, type ServiceInstance, type ServiceInstanceInput } from '../instance/instance.js'
import { isRecord } from '../instance/json.js'
import { serviceName } from '../instance/names.js'
import { InvalidArgument } from '../errors.js'
import { serviceNames } from '../arguments.js'
import { either, must, oneOf, type Validator } from '../validation.js'
import type { Change, Range, Revision } from '../store.js'
import { projection, type Projection } from '../view/projection.js'
import { digestOf, type Digest } from './digest.js'
import { wireChangeText } from './wire-event.js'

/** Serves keys and values as they are, for readers that know the format: nothing is hidden. */
export const raw = 'raw'

/**
 * What of an instance is served. Metadata is private unless it is named: `{ metadata: ['rack'] }` serves one field of it. A function returns the instance that is
 * served, or `null` for none; it may change everything but service and id. {@link raw} serves everything as it is stored.
 */
export type Project = { readonly metadata: readonly string[] } | ((instance: ServiceInstance) => ServiceInstanceInput | null) | typeof raw

/** Which services are served: those that are named, or `'all'` of the format. */
export type Services = readonly string[] | 'all'

/** Options of {@link serving}. */
export interface ServingOptions {
  readonly services: Services
  readonly format: Format
  readonly project: Project
}

/** An entry as it is served: by the key and value of `native()`. */
export interface Served {
  readonly key: string
  readonly value: string
  readonly revision: Revision
  readonly lease: string
  /** The entry on the wire. */
  readonly text: string
  /** Its part in the digest. */
  readonly part: Digest
}

/** What is read of a registry, and how it is served. */
export interface Serving {
  /** The prefix under which everything lies that is served. */
  readonly prefix: string
  /** Whether a reader may ask for a range. The answer does not depend on what exists. */
  readonly allows: (range: Range) => boolean
  /** How a key that is present is served; `undefined`: not at all. */
  readonly serve: (change: Change) => Served | undefined
  /** Whether an equal value means that hidden fields have changed. */
  readonly hides: boolean
}

/** The checks of `services` and `project`. */
export const servicesCheck: Validator = either(serviceNames, oneOf('all'))
export const projectCheck: Validator = must(
  value => value === raw || typeof value === 'function' || (isRecord(value) && Array.isArray(value['metadata']) && value['metadata'].every(name => typeof name === 'string')),
  "be { metadata: names }, a function of an instance, or raw",
)

const wire = native()
const wireRoot = wire.root ?? ''

/** What of an instance is served; `null`: nothing. */
export const projected = (project: Exclude<Project, typeof raw>): ((instance: ServiceInstance) => ServiceInstanceInput | null) => {
  if (typeof project === 'function') return project
  const names = new Set(project.metadata)
  return instance => {
    const { metadata } = instance
    const named = isRecord(metadata) ? Object.fromEntries(Object.entries(metadata).filter(([name]) => names.has(name))) : {}
    return { ...instance, metadata: named }
  }
}

/** An entry as it is served. */
export const servedAs = (key: string, value: string, revision: Revision, lease: string): Served => ({
  key,
  value,
  revision,
  lease,
  text: wireChangeText({ key, value, revision, lease }),
  part: digestOf(key, revision, value),
})

/** What `native()` rejects with the reason. */
const unreadable = (reason: string): string => JSON.stringify({ v: 1, unreadable: reason })

/** The longest text with which all of them begin, up to a `/`. */
const commonPrefix = ([first = '', ...others]: readonly string[]): string => {
  let length = first.length
  for (const other of others) while (!other.startsWith(first.slice(0, length))) length -= 1
  return others.length === 0 ? first : first.slice(0, first.slice(0, length).lastIndexOf('/') + 1)
}

const watchedPrefix = (format: Format, services: Services): string => {
  const { root } = format
  if (services === 'all') {
    if (root === undefined) throw new InvalidArgument('services', "must be named, such as ['web'], since the format has no root under which all services lie")
    return root
  }
  return services.length > 1 && root !== undefined ? root : commonPrefix(services.map(format.prefix))
}

/** The projection that decodes a key: one for all keys under a root, else that of the service with the longest prefix. */
const decoders = (format: Format, services: Services): ((key: string) => Projection<unknown> | undefined) => {
  if (services === 'all' || (services.length > 1 && format.root !== undefined)) {
    const all = projection(format, { services: services === 'all' ? undefined : services })
    return () => all
  }
  const each = services.map(service => ({ prefix: format.prefix(service), one: projection(format, { service }) })).sort((a, b) => b.prefix.length - a.prefix.length)
  return key => each.find(({ prefix }) => key.startsWith(prefix))?.one
}

const allowsProjected = (services: Services): Serving['allows'] => {
  const isServed = (service: string): boolean => (services === 'all' ? serviceName(service) === undefined : services.includes(service))
  return range => {
    if (range === wireRoot) return true
    const prefix = typeof range === 'string' ? range : range.key.slice(0, range.key.lastIndexOf('/') + 1)
    return prefix.startsWith(wireRoot) && prefix.endsWith('/') && isServed(prefix.slice(wireRoot.length, -1))
  }
}

/** How the entries of a registry are served. Throws `InvalidArgument` if the format has no root and all services are asked for. */
export const serving = ({ services, format, project }: ServingOptions): Serving => {
  const prefix = watchedPrefix(format, services)
  if (project === raw) {
    const prefixes = services === 'all' ? [prefix] : services.map(format.prefix)
    const isServed = (key: string): boolean => prefixes.some(own => key.startsWith(own))
    return {
      prefix,
      hides: false,
      allows: range => isServed(typeof range === 'string' ? range : range.key),
      serve: ({ key, value, revision, lease }) => (value !== null && isServed(key) ? servedAs(key, value, revision, lease) : undefined),
    }
  }
  const decoderOf = decoders(format, services)
  const visible = projected(project)
  const valueOf = (instance: ServiceInstance): string | null => {
    try {
      const shown = visible(instance)
      if (shown === null) return null
      const made = validInstance({ ...shown, service: instance.service, id: instance.id.replaceAll('/', '_') })
      return made._tag === 'Left' ? unreadable('the projection returns what is not an instance') : wire.encode(made.right)
    } catch {
      return unreadable('the projection failed')
    }
  }
  return {
    prefix,
    hides: true,
    allows: allowsProjected(services),
    serve: change => {
      const decoder = decoderOf(change.key)
      const { service, instance, rejection } = decoder?.decode(decoder.empty, change) ?? {}
      if (service === undefined) return undefined
      const { key, revision, lease } = change
      if (instance !== undefined) {
        const value = valueOf(instance)
        return value === null ? undefined : servedAs(wire.prefix(service) + instance.id.replaceAll('/', '_'), value, revision, lease)
      }
      return rejection && servedAs(wire.prefix(service) + key.slice(key.lastIndexOf('/') + 1), unreadable(rejection.reason), revision, lease)
    },
  }
}
