import { either as E } from 'fp-ts'
import * as t from 'io-ts'
import { contentOf, failedAt, metadataOf, reasonOf } from './metadata-codec.js'
import type { MetadataCodec } from './metadata-codec.js'
import { InvalidArgument } from '../errors.js'
import type { Format } from './format.js'
import type { ServiceInstance } from '../instance/instance.js'
import { isRecord } from '../instance/json.js'
import { rootOf } from './layout.js'
import { jsonFormat } from './json-format.js'
import type { InstanceFields } from './json-format.js'

/** Options of {@link native}. */
export interface NativeOptions<M = unknown> {
  /** Under what all services lie: names that each follow a `/`. @default '/rx-discovery' */
  readonly prefix?: string
  /** Checks and converts the metadata, and says what its type is. @default any JSON */
  readonly metadata?: MetadataCodec<M>
}

/** The instance, once its metadata is what the codec says; where it converts nothing, its own words say what is not. */
const checkedMetadata = <M>(instance: ServiceInstance<M>, metadata: MetadataCodec<M>): ServiceInstance<M> => {
  const problem = (metadata.encode as unknown) === t.identity ? metadata.decode(instance.metadata) : undefined
  if (problem !== undefined && E.isLeft(problem)) throw new InvalidArgument('metadata', reasonOf(problem.left))
  return instance
}

/** Makes the format; the type of its metadata is what its codec checks, `unknown` without one. */
export interface Native {
  <M>(options: NativeOptions<M> & { readonly metadata: MetadataCodec<M> }): Format<M>
  (options?: Pick<NativeOptions, 'prefix'> & { readonly metadata?: never }): Format
}

const version = 1

// Only the version and the metadata are checked here: jsonFormat reads the other fields, whatever they are.
const storedCodec = <M>(metadata: MetadataCodec<M>): t.Type<InstanceFields<M>, unknown> =>
  new t.Type(
    `native<${metadata.name}>`,
    (value): value is InstanceFields<M> => isRecord(value) && metadata.is(value['metadata']),
    (value, context) => {
      if (!isRecord(value)) return t.failure(value, context, 'must be an object')
      const { v = version } = value
      if (v !== version) return failedAt('v', `must be ${version}, the version this reader knows`, v, context)
      // Whatever it is, it is right.
      if ((metadata as unknown) === t.unknown) return t.success(value as unknown as InstanceFields<M>)
      const data = metadataOf(metadata, value['metadata'], context)
      if (E.isLeft(data)) return data
      const stored = data.right === value['metadata'] ? value : { ...value, metadata: data.right }
      return t.success(stored as unknown as InstanceFields<M>)
    },
    stored => ({ v: version, ...contentOf(stored as ServiceInstance<M>, metadata) }),
  )

/**
 * Our own format: `/rx-discovery/<service>/<id>` → `{"v":1,"address":"10.0.0.5:8080","zone":"a"}`, without what is default.
 * Unknown fields are tolerated, an absent `v` is 1, another one is rejected.
 */
export const native: Native = <M>({ prefix = '/rx-discovery', metadata }: NativeOptions<M> = {}): Format<M> =>
  jsonFormat({
    name: 'native',
    root: rootOf(prefix),
    codec: storedCodec(metadata ?? (t.unknown as unknown as MetadataCodec<M>)),
    read: stored => stored,
    write: instance => (metadata === undefined ? instance : checkedMetadata(instance, metadata)),
  })
