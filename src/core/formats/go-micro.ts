import { either as E, function as F } from 'fp-ts'
import { invalidOptions, text } from '../arguments.js'
import { either, listOf, must, throwIfInvalid, under, type Validator } from '../validation.js'
import { isRecord } from '../instance/json.js'
import { addressIn } from './foreign-address.js'
import { foreignFormat, inField, portChecks, rootOf, type DefaultPortOptions } from './foreign-format.js'
import type { Format } from './format.js'
import { goFields, goJson, goMap } from './go-json.js'
import { labelFields, labelsCheck, labelsOf, type Labels } from './labels.js'
import { layout } from './layout.js'

interface Node {
  readonly id: string
  readonly address: string
  readonly metadata?: Labels | null
}

interface Stored {
  readonly name: string
  readonly version: string
  readonly nodes: readonly Node[]
}

const nodeCheck: Validator = value => {
  if (!isRecord(value)) return { path: [], must: 'must be an object' }
  const { id, address, metadata } = value
  return under('id', text(id)) ?? under('address', text(address)) ?? under('metadata', either(labelsCheck, must(labels => labels === null || labels === undefined, 'be absent'))(metadata))
}

const stored = goFields<Stored>({ name: text, version: text, nodes: listOf(nodeCheck, 'a list of nodes') })

const inKey = (name: string): string => name.replaceAll('/', '-')

/**
 * go-micro's etcd registry: `/micro/registry/<name>/<node id>`, in both of which each `/` is a `-`, →
 * `{"name":"greeter","version":"latest","metadata":null,"endpoints":null,"nodes":[{"metadata":{"protocol":"grpc"},"id":"greeter-1","address":"10.0.0.5:38501"}]}`.
 * The name in the value decides between `foo/bar` and `foo-bar`; a catalog finds only names without `/`. It carries id, address, version, and the
 * metadata of the node that are strings; the zone as `metadata.zone`. It carries no weight, endpoints, tags, incarnation or status: only instances that
 * are `up` have a key. It writes what v5 writes, and reads v2 to v5. Throws `InvalidArgument`.
 *
 * Source: micro/go-micro, registry/etcd/etcd.go and registry/registry.go.
 */
export const goMicro = (options: DefaultPortOptions = {}): Format<Labels> => {
  throwIfInvalid(invalidOptions('goMicro', options, portChecks()))
  const { prefix = '/micro/registry', defaultPort } = options
  return foreignFormat({
    name: 'goMicro',
    place: layout(rootOf(prefix), { path: inKey }),
    segment: ({ id }) => inKey(id),
    write: instance => {
      const { service, version, id, address } = instance
      return goJson({ name: service, version, metadata: null, endpoints: null, nodes: [{ metadata: goMap(labelsOf(instance)), id, address }] })
    },
    parse: stored,
    fields: ({ name, version, nodes }, { segment }) => {
      const node = (nodes ?? []).find(({ id }) => inKey(id) === segment)
      if (node === undefined) return E.left({ path: ['nodes'], must: 'must hold the node of the key' })
      const { id, metadata } = node
      const labels = metadata ?? {}
      return F.pipe(
        inField('address', addressIn(node.address, defaultPort)),
        E.map(address => ({ service: name ?? '', id, address, version: version ?? '', metadata: labels, ...labelFields(labels) })),
      )
    },
  })
}
