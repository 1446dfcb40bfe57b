import { either as E } from 'fp-ts'
import * as t from 'io-ts'
import { readInstance } from '../instance/instance.js'
import type { ServiceInstance, ServiceInstanceInput } from '../instance/instance.js'
import { isEmptyRecord, isRecord } from '../instance/json.js'

/** A codec of metadata: from JSON of any shape to `M`, and back to JSON. */
export type MetadataCodec<M> = t.Type<M, unknown>

/** One line about the first of the errors: the path of the field, and what it must be. */
export const reasonOf = (errors: t.Errors): string => {
  const { context = [], message } = errors[0] ?? {}
  const path = context.flatMap(({ key }, index) => {
    // The members of a union or an intersection are numbered, which says nothing to who wrote the value.
    const { _tag } = (context[index - 1]?.type ?? {}) as { readonly _tag?: unknown }
    return key === '' || _tag === 'UnionType' || _tag === 'IntersectionType' ? [] : [key]
  })
  const what = message ?? `must be ${context[context.length - 1]?.type.name ?? 'something else'}`
  return path.length === 0 ? what : `${path.join('.')}: ${what}`
}

/** A validation that failed at a field of the value in `context`. */
export const failedAt = (field: string, message: string, actual: unknown, context: t.Context): t.Validation<never> =>
  t.failure(actual, t.appendContext(context, field, t.unknown, actual), message)

/** Decodes the metadata of a value; absent metadata is `{}`. */
export const metadataOf = <M>(metadata: MetadataCodec<M>, value: unknown, context: t.Context): t.Validation<M> =>
  metadata.validate(value === undefined ? {} : value, t.appendContext(context, 'metadata', metadata, value))

/** What an instance says besides its service and id, as JSON, without what is default anyway. */
export const contentOf = <M>(instance: ServiceInstance<M>, metadata: MetadataCodec<M>): Omit<ServiceInstanceInput, 'service' | 'id'> => {
  const { address, endpoints, status, weight, zone, version, tags, incarnation } = instance
  const data = metadata.encode(instance.metadata)
  return {
    address,
    ...(Object.keys(endpoints).length > 0 && { endpoints }),
    ...(status !== 'up' && { status }),
    ...(weight !== 1 && { weight }),
    ...(zone !== '' && { zone }),
    ...(version !== '' && { version }),
    ...(tags.length > 0 && { tags }),
    ...(incarnation !== '' && { incarnation }),
    ...(!isEmptyRecord(data) && { metadata: data }),
  }
}

/** The codec of an instance as JSON; encoding omits what is default, decoding tolerates unknown fields. */
export const instanceCodec = <M>(metadata: MetadataCodec<M>): t.Type<ServiceInstance<M>, ServiceInstanceInput> =>
  new t.Type(
    `ServiceInstance<${metadata.name}>`,
    (value): value is ServiceInstance<M> =>
      isRecord(value) && E.isRight(readInstance(value)) && 'tags' in value && metadata.is(value['metadata']),
    (value, context) => {
      if (!isRecord(value)) return t.failure(value, context, 'must be an object')
      const data = metadataOf(metadata, value['metadata'], context)
      if (E.isLeft(data)) return data
      const read = readInstance<M>({ ...value, metadata: data.right })
      return E.isRight(read) ? read : failedAt(read.left.field, read.left.message, value[read.left.field], context)
    },
    instance => ({ service: instance.service, id: instance.id, ...contentOf(instance, metadata) }),
  )
