import { either as E, function as F } from 'fp-ts'
import { invalidOptions, anObject } from '../arguments.js'
import { andThen, every, invalidIf, passing, throwIfInvalid } from '../validation.js'
import { json, parseJson } from '../instance/json.js'
import { instanceId } from '../instance/names.js'
import { addressIn } from './foreign-address.js'
import { foreignFormat, oneSegment, prefixChecks, rootOf, type ForeignFormatOptions } from './foreign-format.js'
import type { Format } from './format.js'
import { goJson, goMap } from './go-json.js'
import { labelFields, scaledWeight, withFields } from './labels.js'
import { layout, type LayoutOptions } from './layout.js'

/** Metadata by name. */
export type GoFrameMetadata = Readonly<Record<string, unknown>>

/** Two segments follow the service: version and address. */
const versioned: LayoutOptions = {
  end: key => key.lastIndexOf('/', key.lastIndexOf('/') - 1),
  below: segment => segment.split('/').length !== 2,
  segment: value => String(value).split('/').map(instanceId).find(found => found !== undefined),
}

const metadataCheck = every(anObject, json)

/**
 * GoFrame's etcd registry: `/service/default/default/hello.svc/latest/10.35.12.81:60700` → `{"insecure":true,"protocol":"http"}`. `prefix` is
 * `/service/<deployment>/<namespace>`; after it come name, version and address, and keys of another depth are ignored. The address is the id of what is
 * read; of several addresses in a key the first one counts, and the others are endpoints that are named `2`, `3`, …. It carries address, version (`latest`
 * if the instance has none), and metadata, an object of any JSON; the zone as `metadata.zone`, the weight as whole number in `metadata.weight`. It
 * carries no endpoints, tags, incarnation or status: only instances that are `up` have a key. A service name is one segment. Throws `InvalidArgument`.
 *
 * Source: gogf/gf, net/gsvc/gsvc_service.go, contrib/registry/etcd/etcd_registrar.go and etcd_service.go.
 */
export const goFrame = (options: ForeignFormatOptions = {}): Format<GoFrameMetadata> => {
  throwIfInvalid(invalidOptions('goFrame', options, prefixChecks()))
  const { prefix = '/service/default/default' } = options
  return foreignFormat({
    name: 'goFrame',
    place: layout(rootOf(prefix), versioned),
    service: oneSegment,
    segment: ({ version, address }) => {
      throwIfInvalid(invalidIf('version', oneSegment, version || 'latest'))
      return `${version || 'latest'}/${address}`
    },
    write: instance => {
      throwIfInvalid(invalidIf('metadata', metadataCheck, instance.metadata))
      return goJson(goMap(withFields(instance.metadata, instance, weight => scaledWeight(weight, 1, 0))))
    },
    parse: value =>
      F.pipe(
        value.trim() === '' ? E.right({}) : parseJson(value),
        E.map(metadata => metadata ?? {}),
        andThen(passing(anObject)),
        E.map(metadata => metadata as GoFrameMetadata),
      ),
    fields: (metadata, { segment }) => {
      const [version = '', listed = ''] = segment.split('/')
      const [first = '', ...others] = listed.split(',')
      return F.pipe(
        addressIn(first),
        E.map(address => ({
          id: address,
          address,
          version,
          endpoints: Object.fromEntries(others.flatMap((other, index) => (E.isRight(addressIn(other)) ? [[String(index + 2), other]] : []))),
          metadata,
          ...labelFields(metadata, 1),
        })),
      )
    },
  })
}
