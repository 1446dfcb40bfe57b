import { InvalidArgument } from '../../core/errors.js'
import { numberOf } from './number-of.js'

/** The longest duration of an option, seconds: what one timer can wait, rounded down. */
const longest = 2_000_000

/** Reads the value of an option that is a duration in seconds, `least` or more, as milliseconds. Throws `InvalidArgument` with the name of the option. */
export const durationOf =
  (option: string, least = 0) =>
  (text: string): number => {
    const seconds = numberOf(text)
    if (seconds >= least && seconds <= longest) return Math.round(seconds * 1_000)
    throw new InvalidArgument(option, `must be a number of seconds from ${least} to ${longest}, got "${text}"`)
  }
