import { either as E, function as F } from 'fp-ts'
import { andThen, flaw, passing, under, type Validator, type Flaw } from '../validation.js'

/** How deep a JSON value may nest, so that nothing that walks it can overflow the stack. */
export const maxDepth = 64

/** The longest JSON text that is read or written, in characters. */
export const maxLength = 524_288

const hintFor = (value: object): string | undefined => {
  if (typeof (value as { toISOString?: unknown }).toISOString === 'function') return 'write toISOString()'
  if (value instanceof Map || value instanceof Set) return 'write an object or an array: Object.fromEntries(map), [...set]'
  return undefined
}

// Object.prototype of any realm is the one that has no prototype.
const isPlain = (value: object): boolean => {
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === null || Object.getPrototypeOf(prototype) === null
}

/** Whether a value is an object with fields: no array, no null. */
export const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** Whether a JSON value is `{}`. */
export const isEmptyRecord = (value: unknown): boolean => isRecord(value) && isPlain(value) && Object.keys(value).length === 0

const jsonFlaw = (value: unknown, depth: number): Flaw | undefined => {
  if (typeof value === 'string' || typeof value === 'boolean' || value === null) return undefined
  if (typeof value === 'number') return Number.isFinite(value) ? undefined : flaw('must be a finite number', value)
  if (typeof value !== 'object') return flaw('must be plain JSON', value, typeof value === 'bigint' ? 'write it as a string' : undefined)
  if (depth === 0) return { path: [], must: `must not be nested deeper than ${maxDepth} levels, or contain itself` }
  if (Array.isArray(value)) {
    for (let index = 0; index < value.length; index++) {
      const found = jsonFlaw(value[index], depth - 1)
      if (found !== undefined) return under(String(index), found)
    }
    return undefined
  }
  if (!isPlain(value)) return flaw('must be plain JSON', value, hintFor(value))
  // Not `Object.keys`, which would make a list for each value that is read. Inherited fields are not looked into.
  for (const key in value) {
    // Assigned anywhere later, it would change a prototype instead of adding a field.
    if (key === '__proto__') return { path: [], must: 'must not hold the key "__proto__"' }
    const item: unknown = value[key as keyof typeof value]
    if (item === undefined || (typeof item === 'object' && !Object.hasOwn(value, key))) continue
    const found = jsonFlaw(item, depth - 1)
    if (found !== undefined && Object.hasOwn(value, key)) return under(key, found)
  }
  return undefined
}

/** A value that JSON can carry and that can be kept safely; a field that is `undefined` counts as absent. */
export const json: Validator = value => jsonFlaw(value, maxDepth)

const parsed = (text: string): E.Either<Flaw, unknown> => E.tryCatch(() => JSON.parse(text) as unknown, () => flaw('must be JSON', text))

/** Reads a JSON text of bounded length and depth. */
export const parseJson = (text: string): E.Either<Flaw, unknown> =>
  text.length > maxLength
    ? E.left(flaw(`must not be longer than ${maxLength} characters`, text))
    : F.pipe(parsed(text), andThen(passing(json)))

const sameArray = (a: readonly unknown[], b: readonly unknown[], depth: number): boolean => {
  if (a.length !== b.length) return false
  for (let index = 0; index < a.length; index++) if (!sameValue(a[index], b[index], depth)) return false
  return true
}

const sameFields = (a: Readonly<Record<string, unknown>>, b: Readonly<Record<string, unknown>>, depth: number): boolean => {
  const keys = Object.keys(a)
  if (keys.length !== Object.keys(b).length) return false
  for (const key of keys) if (!Object.hasOwn(b, key) || !sameValue(a[key], b[key], depth)) return false
  return true
}

const samePrimitive = (a: unknown, b: unknown): boolean => typeof a !== 'object' && (a === b || (a !== a && b !== b))

/**
 * Structural equality of JSON values, and of objects that stand for a primitive, such as dates: own keys in any order, NaN equals itself.
 * What cannot be compared (other classes, deeper than `maxDepth`) differs unless it is the same object.
 */
export const sameValue = (a: unknown, b: unknown, depth = maxDepth): boolean => {
  if (a === b || (a !== a && b !== b)) return true
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null || depth === 0) return false
  if (Array.isArray(a)) return Array.isArray(b) && sameArray(a, b, depth - 1)
  if (isPlain(a)) return isPlain(b) && sameFields(a as Readonly<Record<string, unknown>>, b as Readonly<Record<string, unknown>>, depth - 1)
  return Object.getPrototypeOf(a) === Object.getPrototypeOf(b) && samePrimitive(a.valueOf(), b.valueOf())
}
