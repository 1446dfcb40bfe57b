import { either as E } from 'fp-ts'

/** How deep a JSON value may nest, so that nothing that walks it can overflow the stack. */
export const maxDepth = 64

/** The longest JSON text that is read or written, in characters. */
export const maxLength = 524_288

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

/** Why a value is not JSON that can be kept safely, if so; fields that are undefined are taken as absent. */
export const jsonProblem = (value: unknown, depth = maxDepth): string | undefined => {
  if (typeof value === 'string' || typeof value === 'boolean' || value === null) return undefined
  if (typeof value === 'number') return Number.isFinite(value) ? undefined : 'holds a number that is not finite'
  if (typeof value !== 'object') return `holds a value of type ${typeof value}`
  if (depth === 0) return `is nested deeper than ${maxDepth} levels, or contains itself`
  if (Array.isArray(value)) {
    for (const item of value) {
      const problem = jsonProblem(item, depth - 1)
      if (problem !== undefined) return problem
    }
    return undefined
  }
  if (!isPlain(value)) return 'holds an object that is not plain'
  // Not `Object.keys`, which would make a list for each value that is read; what is inherited is not looked into, and is no problem.
  for (const key in value) {
    // Assigned anywhere later, it would change a prototype instead of adding a field.
    if (key === '__proto__') return 'holds the key "__proto__"'
    const item: unknown = value[key as keyof typeof value]
    if (item === undefined || (typeof item === 'object' && !Object.hasOwn(value, key))) continue
    const problem = jsonProblem(item, depth - 1)
    if (problem !== undefined && Object.hasOwn(value, key)) return problem
  }
  return undefined
}

/** Reads a JSON text of bounded length and depth; the left says why not. */
export const parseJson = (text: string): E.Either<string, unknown> => {
  if (text.length > maxLength) return E.left(`is longer than ${maxLength} characters`)
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return E.left('is not JSON')
  }
  const problem = jsonProblem(value)
  return problem === undefined ? E.right(value) : E.left(problem)
}

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
