import type { Status } from '../../core/instance/instance.js'
import { overridePrefix } from '../../core/register/desired.js'
import type { NamedInstance } from './instance-overrides.js'
import type { Line } from './output.js'

/** The line about an operator's override that is there or was written, or, without a status, that was deleted. */
export const overrideLine = ({ service, id }: NamedInstance, status: Status | undefined): Line => {
  const name = `${service}/${id}`
  const key = `${overridePrefix}${name}`
  return status === undefined
    ? { text: `${name} is given back by an operator`, json: { type: 'returned', service, id, key } }
    : { text: `${name} is overridden by an operator as ${status}`, json: { type: 'overridden', service, id, key, status } }
}
