import type { ServiceInstance } from '../instance/instance.js'
import { sameValue } from '../instance/json.js'

const fields = ['address', 'status', 'weight', 'version', 'zone', 'tags', 'endpoints', 'metadata'] as const

const cut = (text: string): string => (text.length > 80 ? `${text.slice(0, 79)}…` : text)

/** A field that differs between two instances, with both values as short texts. */
export interface FieldDifference {
  readonly field: (typeof fields)[number]
  readonly before: string
  readonly after: string
}

const shown = (value: unknown): string => cut(typeof value === 'string' && value !== '' ? value : JSON.stringify(value))

/** The fields that differ between two instances, for people to read. */
export const fieldDifferences = (before: ServiceInstance, after: ServiceInstance): readonly FieldDifference[] =>
  fields.filter(field => !sameValue(before[field], after[field])).map(field => ({ field, before: shown(before[field]), after: shown(after[field]) }))
