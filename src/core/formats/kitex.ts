import { either as E, function as F } from 'fp-ts'
import { invalidOptions, text } from '../arguments.js'
import { throwIfInvalid } from '../validation.js'
import { isEmptyRecord } from '../instance/json.js'
import { addressIn } from './foreign-address.js'
import { foreignFormat, inField, oneSegment, prefixChecks, rootOf, type ForeignFormatOptions } from './foreign-format.js'
import type { Format } from './format.js'
import { goFields, goJson, goMap, wholeNumber } from './go-json.js'
import { labelFields, labelsCheck, labelsOf, scaledWeight, type Labels } from './labels.js'
import { layout } from './layout.js'

interface Stored {
  readonly network: string
  readonly address: string
  readonly weight: number
  readonly tags: Labels
}

const stored = goFields<Stored>({ network: text, address: text, weight: wholeNumber, tags: labelsCheck })

/** Kitex and Hertz take this for a weight that is 0 or less. */
const defaultWeight = 10

/**
 * Kitex' registry: `kitex/registry-etcd/echo/10.0.0.5:8888` → `{"network":"tcp","address":"10.0.0.5:8888","weight":10,"tags":{"zone":"a"}}`. For Hertz,
 * pass `prefix: 'hertz/registry-etcd'`. The key ends in the address, which is the id of what is read. It carries address and metadata (Kitex' tags),
 * which are strings; the zone as `metadata.zone`; the weight in tenths, since 10 is Kitex' default: 0.1 and more. It carries no version, endpoints, tags,
 * incarnation or status: only instances that are `up` have a key. A service name is one segment. Throws `InvalidArgument`.
 *
 * Source: kitex-contrib/registry-etcd, etcd_registry.go and etcd_resolver.go; hertz-contrib/registry, etcd/common.go.
 */
export const kitex = (options: ForeignFormatOptions = {}): Format<Labels> => {
  throwIfInvalid(invalidOptions('kitex', options, prefixChecks()))
  const { prefix = 'kitex/registry-etcd' } = options
  return foreignFormat({
    name: 'kitex',
    place: layout(rootOf(prefix)),
    service: oneSegment,
    segment: ({ address }) => address,
    write: instance => {
      const { address, weight } = instance
      const tags = labelsOf(instance)
      return goJson({ network: 'tcp', address, weight: scaledWeight(weight, defaultWeight, 1), tags: isEmptyRecord(tags) ? null : goMap(tags) })
    },
    parse: stored,
    fields: ({ address, weight, tags }) => {
      const labels = tags ?? {}
      return F.pipe(
        inField('address', addressIn(address ?? '')),
        E.map(read => ({ address: read, weight: (weight ?? 0) > 0 ? (weight ?? 0) / defaultWeight : 1, metadata: labels, ...labelFields(labels) })),
      )
    },
  })
}
