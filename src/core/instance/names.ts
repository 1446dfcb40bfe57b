import { flaw, type Validator } from '../validation.js'

/** The longest service name and id, in bytes of UTF-8. */
const maxNameBytes = 512

// In a `u` pattern \p{Cs} matches only surrogates without their partner, which UTF-8 cannot carry.
const unfit = /[\p{Cc}\p{Cs}]/u

// Most strings are like this, and this test is three times as fast.
const ascii = /^[\x20-\x7e]*$/

// Most names are like this: segments of letters, digits and dashes, short enough not to be counted.
const usual = /^\w[\w-]*(?:\/\w[\w-]*)*$/
const uncounted = maxNameBytes / 3

/** Whether a value is a string that any terminal, header and encoding can carry: no control character (C0, DEL, C1), no lone surrogate. */
export const isText = (value: unknown): value is string => typeof value === 'string' && (ascii.test(value) || !unfit.test(value))

const isTooLong = (name: string): boolean => name.length > maxNameBytes || (name.length > uncounted && new TextEncoder().encode(name).length > maxNameBytes)

/** A service name: one segment or several, such as `web` or `foo/bar/my-service`. */
export const serviceName: Validator = value => {
  if (typeof value !== 'string') return flaw('must be a string', value)
  if (value.length <= uncounted && usual.test(value)) return undefined
  if (value === '') return flaw('must not be empty', value)
  if (value === '.' || value === '..') return flaw('must not be "." or ".."', value)
  if (isTooLong(value)) return flaw(`must be at most ${maxNameBytes} bytes`, value)
  if (!isText(value)) return flaw('must not hold control characters or lone surrogates', value)
  return value.split('/').some(segment => segment === '' || segment === '.' || segment === '..')
    ? flaw('must not have a segment that is empty, "." or ".."', value, 'write foo/bar, without a "/" at either end')
    : undefined
}

/** The id of an instance that is written: a name of one segment. */
export const instanceId: Validator = value =>
  serviceName(value) ?? ((value as string).includes('/') ? flaw('must not hold "/"', value, 'only a service name has segments') : undefined)

/** An id that other programs wrote, in which a `/` may stand anywhere. */
export const foreignId: Validator = value => {
  if (typeof value !== 'string') return flaw('must be a string', value)
  return value.includes('/') ? serviceName(value.replaceAll('/', '_')) : serviceName(value)
}
