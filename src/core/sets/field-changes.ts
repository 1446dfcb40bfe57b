import type { ServiceInstance } from '../instance/instance.js'
import { sameValue } from '../instance/json.js'

/** A field of an instance that differs, with both values as short texts. */
export interface FieldChange {
  readonly field: string
  readonly before: string
  readonly after: string
}

const fields = ['address', 'status', 'weight', 'version', 'zone', 'tags', 'endpoints', 'metadata'] as const

const cut = (text: string): string => (text.length > 80 ? `${text.slice(0, 79)}…` : text)
const textOf = (value: unknown): string => cut(typeof value === 'string' && value !== '' ? value : JSON.stringify(value))

/** The fields in which two instances differ, for people to read. */
export const fieldChanges = (before: ServiceInstance, after: ServiceInstance): readonly FieldChange[] =>
  fields.filter(field => !sameValue(before[field], after[field])).map(field => ({ field, before: textOf(before[field]), after: textOf(after[field]) }))
