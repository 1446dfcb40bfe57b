import { InvalidArgument } from '../../core/errors.js'
import { numberOf } from './number-of.js'

/** Reads the value of an option that is a whole number from 0 to `most`. Throws `InvalidArgument` with the name of the option. */
export const numberUpTo =
  (option: string, most: number) =>
  (text: string): number => {
    const value = numberOf(text)
    if (Number.isInteger(value) && value >= 0 && value <= most) return value
    throw new InvalidArgument(option, `must be a whole number from 0 to ${most}, got "${text}"`)
  }
