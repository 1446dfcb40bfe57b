import { InvalidArgument } from '../../core/errors.js'

/** Reads the value of an option that is a whole number of 1 or more. Throws `InvalidArgument` with the name of the option. */
export const wholeNumberOf = (option: string, given: string, hint = ''): number => {
  const value = Number(given)
  if (!/^\d+$/.test(given) || !Number.isSafeInteger(value) || value < 1) throw new InvalidArgument(option, `must be a whole number of 1 or more, got ${JSON.stringify(given)}${hint}`)
  return value
}
