import { either as E, option as O } from 'fp-ts'
import type { Format } from '../../core/formats/format.js'
import { readInstance } from '../../core/instance/instance.js'
import { overrideKey, overridePrefix, statusOf } from '../../core/register/desired.js'

const prefix = (service: string): string => `${overridePrefix}${service}/`

/** The operators' overrides as if they were instances, so that `discover` and `history` follow them: the status of each is the one that the operator has set. */
export const overrideFormat: Format = {
  name: 'overrides',
  prefix,
  key: overrideKey,
  encode: ({ status }) => status,
  decode: (key, value, service) => {
    const [id, status] = [key.slice(prefix(service).length), statusOf(value)]
    // A deeper key belongs to another service.
    if (status === undefined || id.includes('/')) return E.right(O.none)
    return E.right(O.fromEither(readInstance({ service, id, address: 'override:1', status })))
  },
}
