import { either as E, function as F } from 'fp-ts'
import { invalidOptions } from '../arguments.js'
import { throwIfInvalid } from '../validation.js'
import { addressIn } from './foreign-address.js'
import { foreignFormat, portChecks, rootOf, type DefaultPortOptions } from './foreign-format.js'
import type { Format } from './format.js'
import { layout } from './layout.js'
import type { NoMetadata } from './plain.js'

/**
 * go-zero's `core/discov`: `user.rpc/7587870460981677828` → `10.0.0.5:8080`, the last segment being the lease. There is no prefix by default.
 * It carries the address alone, which is the id of what is read: the key changes with each lease, and any number of keys with one address are one
 * instance. Only instances that are `up` have a key. Throws `InvalidArgument`.
 *
 * Source: zeromicro/go-zero, core/discov/publisher.go, subscriber.go and internal/registry.go.
 */
export const goZero = (options: DefaultPortOptions = {}): Format<NoMetadata> => {
  throwIfInvalid(invalidOptions('goZero', options, portChecks()))
  const { prefix = '', defaultPort } = options
  return foreignFormat({
    name: 'goZero',
    place: layout(prefix === '' ? '' : rootOf(prefix)),
    segment: (_, { id }) => id,
    write: ({ address }) => address,
    parse: value => addressIn(value.trim(), defaultPort),
    fields: address => F.pipe({ id: address, address }, E.right),
  })
}
