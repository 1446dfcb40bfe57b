import { InvalidArgument } from '../../core/errors.js'

/**
 * The value of an option that has to be given. Throws `InvalidArgument` with an example. Commander has required options of its own, but it looks for them before
 * it looks for misspelt ones, and would report `--addres` as a missing `--address`.
 */
export const required = <A>(option: string, value: A | undefined, example: string): A => {
  if (value === undefined) throw new InvalidArgument(option, `is required (such as --${option} ${example})`)
  return value
}
