import { either as E, option as O } from 'fp-ts'
import { concatMap, from, map, mergeMap, of, reduce, toArray, type Observable } from 'rxjs'
import type { Format } from '../../core/formats/format.js'
import { serviceName } from '../../core/instance/names.js'
import { isUnicode, type Check, type Revision } from '../../core/store.js'
import type { ReadableRegistry } from '../../flow/registry.js'
import { namedFormat, takesDefaultPort } from './named-format.js'

/** A format that was found, with the services that are written in it. */
export interface FoundFormat {
  readonly format: Format
  readonly services: readonly string[]
  /** How many keys these services have. */
  readonly keys: number
}

/** What a scan has found. */
export interface FoundFormats {
  readonly found: readonly FoundFormat[]
  /** How many keys there are in all. */
  readonly keys: number
  /** Prefixes, and how many keys lie under them that were too many to be looked at. */
  readonly skipped: readonly { readonly prefix: string; readonly keys: number }[]
}

/** How much a scan reads at most, and how it reads that. */
export interface ScanOptions {
  /** Names of keys at once. @default 20000 */
  readonly keys?: number
  /** @default 1000 */
  readonly values?: number
  /** The port of addresses that have none, in the formats that take one. @default none */
  readonly defaultPort?: number | undefined
}

/** A format, and the service that a key of it belongs to. */
interface Candidate {
  readonly format: Format
  readonly serviceOf: (key: string) => string | undefined
}

const rooted = (format: Format): Candidate => ({ format, serviceOf: key => format.serviceOf?.(key) })

/** Keys without a root: everything before the last `/` is the service. */
const rootless = (format: Format, shape: RegExp): Candidate => ({
  format,
  serviceOf: key => {
    const [, service] = shape.exec(key) ?? []
    return serviceName(service) === undefined ? service : undefined
  },
})

/** In the order in which they claim keys: those without a root could read the keys of others. */
const candidatesWith = (defaultPort: number | undefined): readonly Candidate[] => {
  const format = (name: string): Format => namedFormat(name, takesDefaultPort(name) ? { defaultPort } : {})
  return [
    ...['native', 'kratos', 'goMicro', 'kitex'].map(name => rooted(format(name))),
    rooted(namedFormat('kitex', { prefix: 'hertz/registry-etcd' })),
    ...['dubbo', 'skyDns', 'rpcx', 'goFrame', 'goKit'].map(name => rooted(format(name))),
    rootless(format('grpcNaming'), /^([^/].*)\/[^/]+$/),
    rootless(format('goZero'), /^([^/].*)\/\d+$/),
    rootless(format('plain'), /^\/(.+)\/[^/]+$/),
  ]
}

/** The services of a format among the keys, with their keys. */
const servicesOf = ({ serviceOf }: Candidate, keys: readonly string[]): ReadonlyMap<string, readonly string[]> => {
  const services = new Map<string, string[]>()
  for (const key of keys) {
    const service = serviceOf(key)
    if (service === undefined) continue
    const own = services.get(service)
    if (own === undefined) services.set(service, [key])
    else own.push(key)
  }
  return services
}

const valueAt = (registry: ReadableRegistry, key: string): Observable<string | null> =>
  registry.list({ key }).pipe(reduce((value, { changes }) => changes[0]?.value ?? value, null as string | null))

/** Whether a key of these holds an instance of the service. A key that is not UTF-8 holds none, and cannot be asked for by its text. */
const isWritten = (registry: ReadableRegistry, format: Format, service: string, keys: readonly string[]): Observable<boolean> =>
  from(keys).pipe(
    concatMap(key => valueAt(registry, key).pipe(map(value => value !== null && isInstance(format, key, value, service)))),
    reduce((any, one) => any || one, false),
  )

const isInstance = (format: Format, key: string, value: string, service: string): boolean => {
  const read = format.decode(key, value, service)
  return E.isRight(read) && O.isSome(read.right)
}

/** How many keys of a service are looked at. */
const samples = 2

/** The formats among these keys; a key that one of them has claimed is no other's. */
const among = (registry: ReadableRegistry, keys: readonly string[], candidates: readonly Candidate[], values: number): Observable<readonly FoundFormat[]> => {
  let left = values
  const claimed = new Set<string>()
  return from(candidates).pipe(
    concatMap(candidate => {
      const services = servicesOf(candidate, keys.filter(key => !claimed.has(key)))
      const asked = [...services].slice(0, Math.floor(left / samples))
      left -= asked.length * samples
      return from(asked).pipe(
        mergeMap(([service, own]) => isWritten(registry, candidate.format, service, own.filter(isUnicode).slice(0, samples)).pipe(map(written => ({ service, own, written }))), 8),
        toArray(),
        map(all => {
          const written = all.filter(one => one.written)
          for (const { own } of written) for (const key of own) claimed.add(key)
          return { format: candidate.format, services: written.map(({ service }) => service).sort(), keys: written.reduce((sum, { own }) => sum + own.length, 0) }
        }),
      )
    }),
    toArray(),
    map(all => all.filter(({ services }) => services.length > 0)),
  )
}

const namesIn = ({ changed }: Check): readonly string[] => changed.map(({ key }) => key)

/** The names of the keys, if there are not too many: of all keys, or of those under the roots that the formats have by default. */
const keysOf = (registry: ReadableRegistry, candidates: readonly Candidate[], total: number, revision: Revision, most: number): Observable<Pick<FoundFormats, 'skipped'> & { readonly names: readonly string[] }> => {
  if (total <= most) return registry.check('', 0).pipe(map(check => ({ names: namesIn(check), skipped: [] })))
  const roots = [...new Set(candidates.flatMap(({ format }) => format.root ?? []))]
  return from(roots).pipe(
    concatMap(prefix =>
      registry.check(prefix, revision).pipe(
        concatMap(({ count }) =>
          count === 0 || count > most
            ? of({ names: [], skipped: count === 0 ? [] : [{ prefix, keys: count }] })
            : registry.check(prefix, 0).pipe(map(check => ({ names: namesIn(check), skipped: [] }))),
        ),
      ),
    ),
    reduce((all, one) => ({ names: [...all.names, ...one.names], skipped: [...all.skipped, ...one.skipped] }), { names: [] as readonly string[], skipped: [] as FoundFormats['skipped'] }),
  )
}

/**
 * Finds out which formats live in an etcd, by the names of its keys and a few values of each service. It reads at most `keys` names of keys at
 * once: if there are more keys, it looks only under the roots that the formats have by default.
 */
export const findFormats = (registry: ReadableRegistry, { keys: most = 20_000, values = 1_000, defaultPort }: ScanOptions = {}): Observable<FoundFormats> => {
  const candidates = candidatesWith(defaultPort)
  return registry.check({ key: '/rx-discovery' }, 0).pipe(
    concatMap(({ revision }) => registry.check('', revision).pipe(map(({ count }) => ({ count, revision })))),
    concatMap(({ count, revision }) =>
      keysOf(registry, candidates, count, revision, most).pipe(
        concatMap(({ names, skipped }) => {
          const rest = skipped.reduce((sum, { keys }) => sum + keys, 0)
          const unknown = count > most ? [...skipped, { prefix: '', keys: Math.max(0, count - rest - names.length) }] : []
          return among(registry, names, candidates, values).pipe(map(found => ({ found, keys: count, skipped: unknown.filter(({ keys }) => keys > 0) })))
        }),
      ),
    ),
  )
}
