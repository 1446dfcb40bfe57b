import { longestText } from '../messages.js'

const isOfErrors = (value: unknown): value is Error => value instanceof Error

const replaced = (_: string, value: unknown): unknown => {
  if (typeof value === 'bigint') return `${value}n`
  if (typeof value === 'function') return `[function ${value.name}]`
  if (isOfErrors(value)) return `${value.name}: ${value.message}`
  if (value instanceof Map) return Object.fromEntries(value as Map<string, unknown>)
  if (value instanceof Set) return [...value]
  return value
}

/** It is undefined for undefined and symbols. */
const stringified = (value: unknown, indent: number): string | undefined => JSON.stringify(value, replaced, indent)
const json = (value: unknown, indent: number): string => {
  try {
    return stringified(value, indent) ?? String(value)
  } catch (error) {
    return isOfErrors(error) ? `[${error.message.split('\n')[0] ?? ''}]` : '[object]'
  }
}

/** Any value as text: strings as they are, others as JSON. It never throws. */
export const textOf = (value: unknown, indent = 0): string => {
  const text = typeof value === 'string' ? value : isOfErrors(value) ? `${value.name}: ${value.message}` : json(value, indent)
  return text.length > longestText ? `${text.slice(0, longestText - 2)} …` : text
}
