import { InvalidArgument } from '../../core/errors.js'
import type { Format } from '../../core/formats/format.js'

/** The prefix that all services of a format share. Throws `InvalidArgument` if there is none. */
export const requireRoot = ({ name, root }: Format): string => {
  if (root !== undefined) return root
  throw new InvalidArgument('service', `is required: --format ${name} has no prefix that all services share (name the services, or set --prefix)`)
}
