import { either as E } from 'fp-ts'
import { flag, invalidOptions, text } from '../arguments.js'
import { oneOf, throwIfInvalid } from '../validation.js'
import { splitAddress } from '../instance/address.js'
import type { ServiceInstance, Status } from '../instance/instance.js'
import { addressIn } from './foreign-address.js'
import { foreignFormat, inField, prefixChecks, rootOf, type ForeignFormatOptions } from './foreign-format.js'
import type { Format } from './format.js'
import { goFields, goJson, goMap, gsonJson, wholeNumber } from './go-json.js'
import { labelFields, labelsCheck, labelsOf, scaledWeight, type Labels } from './labels.js'
import { layout } from './layout.js'

/** Options of {@link dubbo}. */
export interface DubboOptions extends ForeignFormatOptions {
  /** Whose JSON is written: that of dubbo-go, or that of dubbo-java's `dubbo-registry-etcd3`. Both are read. @default 'go' */
  readonly json?: 'go' | 'java'
}

/** The fields of dubbo-go; after them those of dubbo-java. */
interface Stored {
  readonly ID: string
  readonly ServiceName: string
  readonly Host: string
  readonly Port: number
  readonly Weight: number
  readonly Enable: boolean
  readonly Healthy: boolean
  readonly Metadata: Labels
  readonly Tag: string
  readonly id: string
  readonly serviceName: string
  readonly host: string
  readonly port: number
  readonly enabled: boolean
  readonly healthy: boolean
  readonly metadata: Labels
}

const stored = goFields<Stored>({
  ID: text, ServiceName: text, Host: text, Port: wholeNumber, Weight: wholeNumber, Enable: flag, Healthy: flag, Metadata: labelsCheck, Tag: text,
  id: text, serviceName: text, host: text, port: wholeNumber, enabled: flag, healthy: flag, metadata: labelsCheck,
})

/** dubbo-go takes this for a weight that is 0 or less. */
const defaultWeight = 100

/** dubbo-go writes an IPv6 host without brackets. */
const bracketed = (host: string): string => (host.includes(':') && !host.startsWith('[') ? `[${host}]` : host)

const statusIn = (enabled: boolean, healthy: boolean): Status => {
  if (!healthy) return 'down'
  return enabled ? 'up' : 'draining'
}

const written = (instance: ServiceInstance<Labels>, java: boolean): string => {
  const { id, service, address, weight, tags } = instance
  const { host, port } = splitAddress(address)
  const metadata = goMap(labelsOf(instance))
  if (java) return gsonJson({ id, serviceName: service, host, port, enabled: true, healthy: true, metadata })
  const value = {
    ID: id,
    ServiceName: service,
    Host: host,
    Port: port,
    Weight: weight === 1 ? 0 : scaledWeight(weight, defaultWeight, 1),
    Enable: true,
    Healthy: true,
    Metadata: metadata,
    ServiceMetadata: null,
    Address: '',
    GroupName: '',
    Tag: tags[0] ?? '',
  }
  return `${goJson(value)}\n`
}

/**
 * Dubbo's application-level registration: `/services/<app>/<host>:<port>` → `{"ID":"10.0.0.5:20000","ServiceName":"app","Host":"10.0.0.5","Port":20000,…}`
 * and a newline (dubbo-go), or `{"id":…,"serviceName":…}` (dubbo-java). It reads both, and keys that do not end in a port are ignored. It carries id,
 * address and metadata that are strings; the zone as `metadata.zone`; in dubbo-go's JSON also the weight in percent, 0.01 and more, and the first tag.
 * `Enable: false` is read as `draining`, `Healthy: false` as `down`; only instances that are `up` have a key of ours. It carries no version, endpoints
 * (consumers of Dubbo read `metadata['dubbo.endpoints']`) or incarnation. Throws `InvalidArgument`.
 *
 * Source: apache/dubbo-go, registry/etcdv3/service_discovery.go and registry/service_instance.go; apache/dubbo 2.7, EtcdServiceDiscovery.java.
 */
export const dubbo = (options: DubboOptions = {}): Format<Labels> => {
  throwIfInvalid(invalidOptions<DubboOptions>('dubbo', options, { ...prefixChecks(), json: oneOf('go', 'java') }))
  const { prefix = '/services', json = 'go' } = options
  return foreignFormat({
    name: 'dubbo',
    place: layout(rootOf(prefix)),
    segment: ({ address }) => {
      const { host, port } = splitAddress(address)
      return `${host}:${port}`
    },
    write: instance => written(instance, json === 'java'),
    // Beside the providers, Dubbo keeps mappings, configurations and revisions of metadata.
    ignores: ({ segment }) => !/:\d+$/.test(segment),
    parse: stored,
    fields: (value, { segment }) => {
      const host = value.Host ?? value.host ?? ''
      const port = value.Port ?? value.port ?? 0
      const labels = value.Metadata ?? value.metadata ?? {}
      const weight = value.Weight ?? 0
      const address = inField('Host', addressIn(`${bracketed(host)}:${port}`))
      if (E.isLeft(address)) return address
      return E.right({
        service: value.ServiceName ?? value.serviceName ?? '',
        id: [value.ID, value.id].find(id => id !== undefined && id !== null && id !== '') ?? segment,
        address: address.right,
        weight: weight > 0 ? weight / defaultWeight : 1,
        status: statusIn(value.Enable ?? value.enabled ?? true, value.Healthy ?? value.healthy ?? true),
        tags: value.Tag ? [value.Tag] : [],
        metadata: labels,
        ...labelFields(labels),
      })
    },
  })
}
