import { flaw, invalidIf, throwIfInvalid, under, type Validator } from '../validation.js'
import type { ServiceInstance } from '../instance/instance.js'
import { isRecord } from '../instance/json.js'
import type { InstanceFields } from './stored-instance.js'

/** Metadata of which every value is a string. */
export type Labels = Readonly<Record<string, string>>

/** An object of strings. */
export const labelsCheck: Validator = value => {
  if (!isRecord(value)) return flaw('must be an object of strings', value, "such as { team: 'a' }")
  for (const name of Object.keys(value)) {
    if (name === '__proto__') return { path: [], must: 'must not hold the key "__proto__"' }
    if (typeof value[name] !== 'string') return under(name, flaw('must be a string', value[name]))
  }
  return undefined
}

/** The highest weight that every stack reads: that of a 32-bit integer. */
const highest = 2 ** 31 - 1

/** A weight as a whole number of which `scale` is the default, at least `least`. */
export const scaledWeight = (weight: number, scale: number, least: number): number => Math.min(highest, Math.max(least, Math.round(weight * scale)))

/** The zone, under the name that is a convention, and the weight, if the stack reads one there: `scale` is the weight of an instance that has none. */
export const labelFields = (labels: Readonly<Record<string, unknown>>, scale?: number): Pick<InstanceFields, 'zone' | 'weight'> => {
  const zone = Object.hasOwn(labels, 'zone') ? labels['zone'] : undefined
  const weight = scale !== undefined && Object.hasOwn(labels, 'weight') ? labels['weight'] : undefined
  return {
    ...(typeof zone === 'string' && { zone }),
    ...(scale !== undefined && /^\d{1,15}$/.test(String(weight)) && { weight: Number(weight) / scale }),
  }
}

/** The metadata with the zone and the weight of an instance. */
export const withFields = <V>(metadata: Readonly<Record<string, V>>, { zone, weight }: ServiceInstance, weightOf?: (weight: number) => V): Readonly<Record<string, V | string>> =>
  ({ ...metadata, ...(zone !== '' && { zone }), ...(weightOf !== undefined && weight !== 1 && { weight: weightOf(weight) }) })

/** The labels that a stack stores for an instance. Throws `InvalidArgument` if the metadata is not an object of strings. */
export const labelsOf = (instance: ServiceInstance<Labels>, scale?: number): Labels => {
  throwIfInvalid(invalidIf('metadata', labelsCheck, instance.metadata))
  return withFields(instance.metadata, instance, scale === undefined ? undefined : weight => String(scaledWeight(weight, scale, 0)))
}
