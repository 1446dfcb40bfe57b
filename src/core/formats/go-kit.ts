import { either as E, function as F } from 'fp-ts'
import { invalidOptions } from '../arguments.js'
import { either, must, throwIfInvalid } from '../validation.js'
import { addressIn, urlIn } from './foreign-address.js'
import { foreignFormat, portChecks, rootOf, schemeCheck, type DefaultPortOptions } from './foreign-format.js'
import type { Format } from './format.js'
import { layout } from './layout.js'
import type { NoMetadata } from './plain.js'

/** Options of {@link goKit}. */
export interface GoKitOptions extends DefaultPortOptions {
  /** The scheme of what is written; `''`: write the address alone. @default 'http' */
  readonly scheme?: string
}

/**
 * go-kit's `sd/etcdv3`: `/services/foosvc/1.2.3.4:8080` → `http://1.2.3.4:8080`. go-kit itself prescribes no layout; this is the one of its documentation.
 * The value is a URL or `host:port`. It carries id and address, and a URL as the endpoint that is named like its scheme. If the instance has an endpoint
 * of that name for its address, that is written. Only instances that are `up` have a key. Throws `InvalidArgument`.
 *
 * Source: go-kit/kit, sd/etcdv3/registrar.go, client.go and instancer.go.
 */
export const goKit = (options: GoKitOptions = {}): Format<NoMetadata> => {
  throwIfInvalid(invalidOptions<GoKitOptions>('goKit', options, { ...portChecks(), scheme: either(schemeCheck, must(scheme => scheme === '', 'be empty')) }))
  const { prefix = '/services', defaultPort, scheme = 'http' } = options
  return foreignFormat({
    name: 'goKit',
    place: layout(rootOf(prefix)),
    segment: ({ id }) => id,
    write: ({ address, endpoints }) => {
      if (scheme === '') return address
      const endpoint = Object.hasOwn(endpoints, scheme) ? (endpoints[scheme] ?? '') : ''
      const read = urlIn(endpoint, defaultPort)
      return E.isRight(read) && read.right.scheme === scheme && read.right.address === address && endpoint === endpoint.trim() ? endpoint : `${scheme}://${address}`
    },
    parse: value => {
      const written = value.trim()
      if (!written.includes('://')) return F.pipe(addressIn(written, defaultPort), E.map(address => ({ address, endpoints: {} })))
      return F.pipe(urlIn(written, defaultPort), E.map(read => ({ address: read.address, endpoints: { [read.scheme]: written } })))
    },
    fields: E.right,
  })
}
