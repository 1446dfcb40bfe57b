import { either as E } from 'fp-ts'
import { invalidOptions, text } from '../arguments.js'
import { listOf, throwIfInvalid, type Flaw } from '../validation.js'
import type { ServiceInstance } from '../instance/instance.js'
import { foreignFormat, inField, portChecks, rootOf, schemeCheck, type DefaultPortOptions } from './foreign-format.js'
import { addressIn, urlIn } from './foreign-address.js'
import type { Format } from './format.js'
import { goFields, goJson, goMap } from './go-json.js'
import { labelFields, labelsCheck, labelsOf, type Labels } from './labels.js'
import { layout } from './layout.js'

/** Options of {@link kratos}. */
export interface KratosOptions extends DefaultPortOptions {
  /** The scheme of an address that no endpoint has, in what is written. @default 'http' */
  readonly scheme?: string
}

interface Stored {
  readonly id: string
  readonly name: string
  readonly version: string
  readonly metadata: Labels
  readonly endpoints: readonly string[]
}

const stored = goFields<Stored>({ id: text, name: text, version: text, metadata: labelsCheck, endpoints: listOf(text, 'a list of URLs') })

/** Kratos' balancers give this weight to an instance whose metadata has none. */
const defaultWeight = 100

interface Endpoints {
  /** The address of the first endpoint. */
  readonly address: string
  /** By scheme; the first one of each. */
  readonly endpoints: Readonly<Record<string, string>>
}

const endpointsIn = (urls: readonly string[], defaultPort: number | undefined): E.Either<Flaw, Endpoints> => {
  let address: string | undefined
  const endpoints = new Map<string, string>()
  for (const [index, endpoint] of urls.entries()) {
    const read = inField('endpoints', inField(String(index), urlIn(endpoint, defaultPort)))
    if (E.isLeft(read)) return read
    address ??= read.right.address
    if (!endpoints.has(read.right.scheme)) endpoints.set(read.right.scheme, endpoint)
  }
  return address === undefined ? E.left({ path: ['endpoints'], must: 'must hold at least one URL' }) : E.right({ address, endpoints: Object.fromEntries(endpoints) })
}

const isUrl = (endpoint: string): boolean => E.isRight(urlIn(endpoint))

/** The URLs of an instance: the one of its address first, since a reader takes the address from there. */
const urlsOf = ({ address, endpoints }: ServiceInstance, scheme: string): readonly string[] => {
  const named = Object.entries(endpoints).map(([name, endpoint]) => (schemeCheck(name) === undefined && E.isRight(addressIn(endpoint)) ? `${name}://${endpoint}` : endpoint))
  const urls = named.filter(isUrl)
  const own = urls.find(endpoint => {
    const read = urlIn(endpoint)
    return E.isRight(read) && read.right.address === address
  })
  return own === undefined ? [`${scheme}://${address}`, ...urls] : [own, ...urls.filter(endpoint => endpoint !== own)]
}

/**
 * Kratos' registry: `/microservices/<name>/<id>` → `{"id":"dae5d801","name":"helloworld","version":"v1.0.0","metadata":{},"endpoints":["http://10.0.0.5:8000"]}`.
 * `prefix` is Kratos' namespace. It carries id, version, endpoints that are URLs (each under the name of its scheme) and metadata that are strings; the
 * zone as `metadata.zone`; the weight as `metadata.weight`, in percent, as Kratos' own balancers read it. The address is that of the first endpoint.
 * It carries no status (only instances that are `up` have a key), no tags and no incarnation. Throws `InvalidArgument`.
 *
 * Source: go-kratos/kratos, contrib/registry/etcd/registry.go and service.go, registry/registry.go, selector/default_node.go.
 */
export const kratos = (options: KratosOptions = {}): Format<Labels> => {
  throwIfInvalid(invalidOptions<KratosOptions>('kratos', options, { ...portChecks(), scheme: schemeCheck }))
  const { prefix = '/microservices', defaultPort, scheme = 'http' } = options
  return foreignFormat({
    name: 'kratos',
    place: layout(rootOf(prefix)),
    segment: ({ id }) => id,
    write: instance => {
      const { id, service, version } = instance
      return goJson({ id, name: service, version, metadata: goMap(labelsOf(instance, defaultWeight)), endpoints: urlsOf(instance, scheme) })
    },
    parse: stored,
    fields: ({ id, name, version, metadata, endpoints }, { segment }) => {
      if (id !== segment) return E.left({ path: ['id'], must: 'must be that of the key' })
      const found = endpointsIn(endpoints ?? [], defaultPort)
      if (E.isLeft(found)) return found
      const labels = metadata ?? {}
      return E.right({ service: name ?? '', id, version: version ?? '', metadata: labels, ...labelFields(labels, defaultWeight), ...found.right })
    },
  })
}
