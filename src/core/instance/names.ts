import { either as E } from 'fp-ts'
import { InvalidArgument } from '../errors.js'

/** The longest service name and id, in bytes of UTF-8. */
const maxNameBytes = 512

// In a `u` pattern \p{Cs} matches only surrogates without their partner, which UTF-8 cannot carry.
const unfit = /[\p{Cc}\p{Cs}]/u

// What most strings are, and what is found out three times as fast.
const ascii = /^[\x20-\x7e]*$/

/** Whether a value is a string that any terminal, header and encoding can carry: no control character (C0, DEL, C1), no lone surrogate. */
export const isText = (value: unknown): value is string => typeof value === 'string' && (ascii.test(value) || !unfit.test(value))

/** What is wrong with a value as a service name or an id, if anything. */
export const nameProblem = (value: unknown): string | undefined => {
  if (typeof value !== 'string') return 'must be a string'
  if (value === '') return 'must not be empty'
  if (value === '.' || value === '..') return 'must not be "." or ".."'
  if (value.includes('/')) return 'must not hold "/"'
  // A UTF-16 unit takes one to three bytes, so that most names need no counting.
  if (value.length > maxNameBytes || (value.length * 3 > maxNameBytes && new TextEncoder().encode(value).length > maxNameBytes))
    return `must be at most ${maxNameBytes} bytes`
  return isText(value) ? undefined : 'must not hold control characters or lone surrogates'
}

/** A service name or an id, or an error that names the argument. */
export const validName = (argument: string, value: unknown): E.Either<InvalidArgument, string> => {
  const problem = nameProblem(value)
  return problem === undefined ? E.right(value as string) : E.left(new InvalidArgument(argument, problem))
}
