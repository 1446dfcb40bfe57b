import type { either, option } from 'fp-ts'
import { flaw, invalid } from '../validation.js'
import type { InvalidArgument } from '../errors.js'
import type { ServiceInstance } from '../instance/instance.js'
import type { Lease } from '../store.js'

/** Why an entry could not be read. */
export interface Rejection {
  readonly key: string
  readonly reason: string
}

/** How an instance is a key and a value. Function properties, not methods, so that variance is checked. */
export interface Format<M = unknown> {
  readonly name: string
  /** Under what every key of the service lies; ends in its separator, so that `web` never matches `web2`. */
  readonly prefix: (service: string) => string
  readonly key: (instance: ServiceInstance<M>, lease: Lease) => string
  /** `null`: must not be present now. */
  readonly encode: (instance: ServiceInstance<M>) => string | null
  /**
   * Reads one entry; total: any key, any value. `service` is the service that is followed, or the one that `serviceOf` reports for the key.
   * `none`: something else that lives under this prefix; it is ignored.
   */
  readonly decode: (key: string, value: string, service: string) => either.Either<Rejection, option.Option<ServiceInstance<M>>>
  /** Under what every service of this format lies, if there is such a place. */
  readonly root?: string
  /** The service a key under `root` belongs to. */
  readonly serviceOf?: (key: string) => string | undefined
}

/** One format, or several at once while a fleet migrates from one to another: the first listed wins. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any -- M is inferred from it
export type Formats = Format<any> | readonly Format<any>[]

/** The metadata that instances of these formats carry. */
export type MetadataOf<F extends Formats> = F extends readonly (infer G)[] ? MetadataOfOne<G> : MetadataOfOne<F>

// One by one: inferred from all at once it would be what they have in common, since formats are invariant.
type MetadataOfOne<F> = F extends Format<infer M> ? M : never

/** The formats as a list. */
export const formatsOf = <F extends Formats>(formats: F): readonly Format<MetadataOf<F>>[] =>
  (Array.isArray(formats) ? formats : [formats]) as readonly Format<MetadataOf<F>>[]

/** What is wrong with these prefixes of several formats: two of them would read the same keys. */
export const invalidPrefixes = (prefixes: readonly string[]): InvalidArgument | undefined => {
  const twice = prefixes.find((prefix, index) => prefixes.some((other, at) => at !== index && other.startsWith(prefix)))
  return twice === undefined ? undefined : invalid('format', flaw('must have different prefixes for different formats', twice, 'two of them would read the same keys'))
}
