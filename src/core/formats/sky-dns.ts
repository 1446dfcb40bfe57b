import { either as E, function as F } from 'fp-ts'
import { flag, invalidOptions, optionsOf, text } from '../arguments.js'
import { invalidIf, throwIfInvalid, type Validator } from '../validation.js'
import { splitAddress } from '../instance/address.js'
import { serviceName } from '../instance/names.js'
import { addressIn } from './foreign-address.js'
import { foreignFormat, inField, portChecks, rootOf, type DefaultPortOptions } from './foreign-format.js'
import type { Format } from './format.js'
import { goFields, goJson, wholeNumber } from './go-json.js'
import { scaledWeight } from './labels.js'
import { layout } from './layout.js'

/** The fields of a SkyDNS record that an instance has no field for. */
export interface SkyDnsMetadata {
  readonly priority?: number
  readonly text?: string
  readonly mail?: boolean
  readonly ttl?: number
  readonly targetstrip?: number
  readonly group?: string
}

interface Stored extends Required<SkyDnsMetadata> {
  readonly host: string
  readonly port: number
  readonly weight: number
}

const others = { priority: wholeNumber, text, mail: flag, ttl: wholeNumber, targetstrip: wholeNumber, group: text }
const stored = goFields<Stored>({ host: text, port: wholeNumber, weight: wholeNumber, ...others })
const metadataCheck = optionsOf('a SkyDNS record', others)

/** CoreDNS takes this for a weight of 0. */
const defaultWeight = 100

const reversed = (name: string, from: string, to: string): string => name.split(from).reverse().join(to)

/** A domain name, the labels of which are segments of a key. Those of `arpa` are no services: they are for reverse lookups. */
const domain: Validator = value => {
  const found = serviceName(value)
  if (found !== undefined) return found
  const labels = (value as string).split('.')
  if (labels.some(label => label === '' || label.includes('/'))) return { path: [], must: 'must be a domain name in this format, such as web.example.com' }
  return labels[labels.length - 1] === 'arpa' ? { path: [], must: 'must not be a name for reverse lookups' } : undefined
}

/**
 * SkyDNS and CoreDNS' etcd plugin: service `web.skydns.local`, id `x5`, at `/skydns/local/skydns/web/x5` → `{"host":"10.0.0.5","port":8080,"weight":100}`.
 * A service name is a domain name. It carries id, address, the weight in percent (0.01 and more), and as metadata the other fields of a record
 * (`priority`, `text`, `mail`, `ttl`, `targetstrip`, `group`). Records without a host and reverse zones are ignored; many records have no port, so set a
 * `defaultPort`. It carries no version, zone, endpoints, tags, incarnation or status: only instances that are `up` have a key. A DNS server answers a
 * name with the records of all names below it, too; this format does not. Throws `InvalidArgument`.
 *
 * Source: coredns/coredns, plugin/etcd/msg/service.go, plugin/etcd/msg/path.go and plugin/etcd/etcd.go; skynetservices/skydns, msg/service.go.
 */
export const skyDns = (options: DefaultPortOptions = {}): Format<SkyDnsMetadata> => {
  throwIfInvalid(invalidOptions('skyDns', options, portChecks()))
  const { prefix = '/skydns', defaultPort } = options
  return foreignFormat({
    name: 'skyDns',
    place: layout(rootOf(prefix), { path: service => reversed(service, '.', '/'), service: path => reversed(path, '/', '.') }),
    service: domain,
    segment: ({ id }) => id,
    write: ({ address, weight, metadata }) => {
      throwIfInvalid(invalidIf('metadata', metadataCheck, metadata))
      const { priority, mail, ttl, targetstrip, group } = metadata
      const { host, port } = splitAddress(address)
      const scaled = weight === 1 ? undefined : scaledWeight(weight, defaultWeight, 1)
      return goJson({ host, port, priority, weight: scaled, text: metadata.text, mail, ttl, targetstrip, group })
    },
    parse: stored,
    fields: ({ host, port, weight, priority, text, mail, ttl, targetstrip, group }) => {
      // A TXT record, for example.
      if (!host) return E.right(undefined)
      const own = (port ?? 0) > 0 ? `${host.includes(':') ? `[${host}]` : host}:${port}` : host
      const all = { priority, text, mail, ttl, targetstrip, group }
      return F.pipe(
        inField('host', addressIn(own, defaultPort)),
        E.map(address => ({
          address,
          weight: (weight ?? 0) > 0 ? (weight ?? 0) / defaultWeight : 1,
          metadata: Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined && value !== null)),
        })),
      )
    },
  })
}
