import { either as E, function as F } from 'fp-ts'
import { invalidOptions } from '../arguments.js'
import { flaw, passing, throwIfInvalid, type Flaw } from '../validation.js'
import { json, maxLength } from '../instance/json.js'
import { addressIn } from './foreign-address.js'
import { foreignFormat, prefixChecks, rootOf, schemeCheck, type ForeignFormatOptions } from './foreign-format.js'
import type { Format } from './format.js'
import { goMap } from './go-json.js'
import { labelFields, labelsOf, type Labels } from './labels.js'
import { layout } from './layout.js'

/** Options of {@link rpcx}. */
export interface RpcxOptions extends ForeignFormatOptions {
  /** The network of what is written: `tcp`, `quic`, `kcp`, `http`, … @default 'tcp' */
  readonly network?: string
}

/** Go's `url.QueryEscape`. */
const escaped = (text: string): string =>
  encodeURIComponent(text).replace(/[!'()*]/g, unit => `%${unit.charCodeAt(0).toString(16).toUpperCase()}`).replaceAll('%20', '+')

/** Go's `url.Values.Encode`: by name. */
const encoded = (labels: Labels): string => [...goMap(labels)].map(([name, value]) => `${escaped(name)}=${escaped(String(value))}`).join('&')

const parsed = (value: string): E.Either<Flaw, Labels> => {
  if (value.length > maxLength) return E.left(flaw(`must not be longer than ${maxLength} characters`, value))
  const labels = new Map<string, string>()
  for (const [name, text] of new URLSearchParams(value.trim())) if (!labels.has(name)) labels.set(name, text)
  return F.pipe(Object.fromEntries(labels), passing(json))
}

/** `<network>@<host:port>`; without a network it is `tcp`. */
const serverIn = (segment: string): { readonly network: string; readonly address: string } => {
  const [, network = 'tcp', address = segment] = /^([^@]*)@(.*)$/.exec(segment) ?? []
  return { network, address }
}

/**
 * rpcx' etcd v3 plugin: `/rpcx_test/Arith/tcp@127.0.0.1:8972` → empty, or a query string such as `group=test&weight=4`. `prefix` is the base path. The key
 * ends in network and address, which are the id of what is read. It carries address and metadata that are strings; the weight as whole number, the zone
 * as `zone`; `state=inactive` is `draining`, and only instances that are `up` or `draining` have a key. The address is also the endpoint that is named
 * like the network. The markers that rpcx writes at the keys of services are ignored. It carries no version, other endpoints, tags or incarnation.
 * Throws `InvalidArgument`.
 *
 * Source: rpcxio/rpcx-etcd, serverplugin/etcdv3.go and client/etcdv3_discovery.go; smallnest/rpcx, client/xclient.go (`filterByStateAndGroup`).
 */
export const rpcx = (options: RpcxOptions = {}): Format<Labels> => {
  throwIfInvalid(invalidOptions<RpcxOptions>('rpcx', options, { ...prefixChecks(), network: schemeCheck }))
  const { prefix = '/rpcx_test', network = 'tcp' } = options
  return foreignFormat({
    name: 'rpcx',
    place: layout(rootOf(prefix)),
    segment: ({ address }) => `${network}@${address}`,
    statuses: ['up', 'draining'],
    write: instance => {
      const { metadata, status } = instance
      return encoded(labelsOf({ ...instance, metadata: status === 'draining' ? { ...metadata, state: 'inactive' } : metadata }, 1))
    },
    // The marker of a service: its key is that of the service, and its value is its name.
    ignores: ({ service, segment }, value) => !segment.includes('@') && [segment, `${service}/${segment}`].includes(value),
    parse: parsed,
    fields: ({ state, ...labels }, { segment }) => {
      const server = serverIn(segment)
      const inactive = state === 'inactive'
      return F.pipe(
        addressIn(server.address),
        E.map(address => ({
          id: segment,
          address,
          status: inactive ? ('draining' as const) : ('up' as const),
          endpoints: { [server.network]: `${server.network}://${address}` },
          metadata: inactive || state === undefined ? labels : { ...labels, state },
          ...labelFields(labels, 1),
        })),
      )
    },
  })
}
