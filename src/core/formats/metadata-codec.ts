import * as t from 'io-ts'
import { quotedValue, type Flaw } from '../validation.js'
import type { ServiceInstance, ServiceInstanceInput } from '../instance/instance.js'
import { isEmptyRecord } from '../instance/json.js'

/** A codec of metadata: from JSON of any shape to `M`, and back to JSON. */
export type MetadataCodec<M> = t.Type<M, unknown>

const mustOf = (name = 'something else', message?: string): string =>
  message === undefined ? `must be ${name}` : message.startsWith('must ') ? message : `must be ${name} (${message})`

/** The first of the errors of a codec: the path of the field, and what it must be. */
export const flawOf = (errors: t.Errors): Flaw => {
  const { context = [], message, value } = errors[0] ?? {}
  const path = context.flatMap(({ key }, index) => {
    // The members of a union or an intersection are numbered, which says nothing to the author of the value.
    const { _tag } = (context[index - 1]?.type ?? {}) as { readonly _tag?: unknown }
    return key === '' || _tag === 'UnionType' || _tag === 'IntersectionType' ? [] : [key]
  })
  return { path, must: mustOf(context[context.length - 1]?.type.name, message), got: quotedValue(value) }
}

/** A validation that failed at a field of the value in `context`. */
export const failedAt = (field: string, message: string, actual: unknown, context: t.Context): t.Validation<never> =>
  t.failure(actual, t.appendContext(context, field, t.unknown, actual), message)

/** Decodes the metadata of a value; absent metadata is `{}`. */
export const metadataOf = <M>(metadata: MetadataCodec<M>, value: unknown, context: t.Context): t.Validation<M> =>
  metadata.validate(value === undefined ? {} : value, t.appendContext(context, 'metadata', metadata, value))

/** The fields of an instance as JSON, without service and id, which are in the key, and without defaults. */
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
