import { isRecord } from '#internal/core/instance/json'
import { naturalOrder } from './natural-order.js'
import { metadataText } from './passing.js'
import type { ServiceRows } from './service-rows.js'

/** The values that filters can take, each sorted, without empty ones. */
export interface Facets {
  readonly tags: readonly string[]
  readonly zones: readonly string[]
  readonly versions: readonly string[]
  /** The keys of the metadata, and `key=value` for keys of few values. */
  readonly metadata: readonly string[]
}

/** Of how many values and of what length a key of the metadata is offered with its values. */
const [mostValues, longest] = [30, 60]

/** The values that occur. */
export const facetsOf = (services: readonly ServiceRows[]): Facets => {
  const [tags, zones, versions] = [new Set<string>(), new Set<string>(), new Set<string>()]
  const valuesByKey = new Map<string, Set<string>>()
  for (const { rows } of services)
    for (const { instance } of rows) {
      for (const tag of instance.tags) tags.add(tag)
      zones.add(instance.zone)
      versions.add(instance.version)
      if (!isRecord(instance.metadata)) continue
      for (const [key, value] of Object.entries(instance.metadata)) {
        const values = valuesByKey.get(key) ?? new Set()
        if (values.size <= mostValues) values.add(metadataText(value))
        valuesByKey.set(key, values)
      }
    }
  const sorted = (values: Iterable<string>): readonly string[] => [...values].filter(value => value !== '').sort(naturalOrder)
  const metadata = sorted(valuesByKey.keys()).flatMap(key => {
    const values = sorted(valuesByKey.get(key) ?? [])
    return [key, ...(values.length > mostValues ? [] : values.filter(value => value.length <= longest).map(value => `${key}=${value}`))]
  })
  return { tags: sorted(tags), zones: sorted(zones), versions: sorted(versions), metadata }
}
