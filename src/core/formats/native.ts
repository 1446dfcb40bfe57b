import { either as E, function as F } from 'fp-ts'
import * as t from 'io-ts'
import { invalidOptions } from '../arguments.js'
import { invalid, throwIfInvalid } from '../validation.js'
import type { ServiceInstance } from '../instance/instance.js'
import { isRecord } from '../instance/json.js'
import type { Format } from './format.js'
import { codecCheck, jsonFormat } from './json-format.js'
import { prefixCheck } from './layout.js'
import { ServedReason } from './served-reason.js'
import { contentOf, failedAt, flawOf, metadataOf, type MetadataCodec } from './metadata-codec.js'
import type { InstanceFields } from './stored-instance.js'

/** Options of {@link native}. */
export interface NativeOptions<M = unknown> {
  /** The part of each key before the service: segments that each follow a `/`. @default '/rx-discovery' */
  readonly prefix?: string
  /** An io-ts codec that checks and converts the metadata; it gives the metadata its type. @default any JSON */
  readonly metadata?: MetadataCodec<M>
}

/** The instance, if its metadata passes the codec. A codec that converts nothing can decode it, and then names the wrong field. */
const withChecked = <M>(instance: ServiceInstance<M>, metadata: MetadataCodec<M>): ServiceInstance<M> => {
  if ((metadata.encode as unknown) !== t.identity) return instance
  const found = F.pipe(metadata.decode(instance.metadata), E.match(flawOf, () => undefined))
  if (found !== undefined) throw invalid('metadata', found)
  return instance
}

/** Makes the format; the type of its metadata is that of its codec, `unknown` without one. */
export interface Native {
  <M>(options: NativeOptions<M> & { readonly metadata: MetadataCodec<M> }): Format<M>
  (options?: Pick<NativeOptions, 'prefix'> & { readonly metadata?: never }): Format
}

const version = 1

// Only the version and the metadata are checked here: jsonFormat checks the other fields.
const storedCodec = <M>(metadata: MetadataCodec<M>): t.Type<InstanceFields<M>, unknown> =>
  new t.Type(
    `native<${metadata.name}>`,
    (value): value is InstanceFields<M> => isRecord(value) && metadata.is(value['metadata']),
    (value, context) => {
      if (!isRecord(value)) return t.failure(value, context, 'must be an object')
      const { v = version } = value
      if (v !== version) return failedAt('v', `must be ${version}, the version this reader knows`, v, context)
      // Any metadata passes, so that there is nothing to check.
      if ((metadata as unknown) === t.unknown) return t.success(value as unknown as InstanceFields<M>)
      const data = metadataOf(metadata, value['metadata'], context)
      if (E.isLeft(data)) return data
      const stored = data.right === value['metadata'] ? value : { ...value, metadata: data.right }
      return t.success(stored as unknown as InstanceFields<M>)
    },
    stored => ({ v: version, ...contentOf(stored as ServiceInstance<M>, metadata) }),
  )

/** A bridge over SSE serves, in the place of an entry that it cannot read, the reason. */
const readStored = <M>(stored: InstanceFields<M> & { readonly unreadable?: unknown }): InstanceFields<M> => {
  if (typeof stored.unreadable === 'string') throw new ServedReason(stored.unreadable)
  return stored
}

/**
 * Our own format, which carries every field of an instance: `/rx-discovery/<service>/<id>` → `{"v":1,"address":"10.0.0.5:8080","zone":"a"}`.
 * Defaults are left out. A reader ignores unknown fields, takes an absent `v` for 1, and rejects any other version. Throws `InvalidArgument`.
 */
export const native: Native = <M>(options: NativeOptions<M> = {}): Format<M> => {
  throwIfInvalid(invalidOptions('native', options, { prefix: prefixCheck, metadata: codecCheck }))
  const { prefix = '/rx-discovery', metadata } = options
  return jsonFormat({
    name: 'native',
    root: `${prefix}/`,
    codec: storedCodec(metadata ?? (t.unknown as unknown as MetadataCodec<M>)),
    read: readStored,
    write: instance => (metadata === undefined ? instance : withChecked(instance, metadata)),
  })
}
