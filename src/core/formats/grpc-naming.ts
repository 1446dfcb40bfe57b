import { either as E, function as F } from 'fp-ts'
import { flag, invalidOptions, text } from '../arguments.js'
import { invalidIf, throwIfInvalid } from '../validation.js'
import { isEmptyRecord, isRecord, json } from '../instance/json.js'
import { addressIn } from './foreign-address.js'
import { foreignFormat, inField, portChecks, rootOf, type DefaultPortOptions } from './foreign-format.js'
import type { Format } from './format.js'
import { goFields, goJson, mapsWithin, wholeNumber } from './go-json.js'
import { labelFields, withFields } from './labels.js'
import { layout } from './layout.js'

/** Options of {@link grpcNaming}. */
export interface GrpcNamingOptions extends DefaultPortOptions {
  /** Whether zone and weight are fields of an object in `Metadata`, as some fleets write them. @default false */
  readonly fields?: boolean
}

interface Update {
  readonly Op: number
  readonly Addr: string
  readonly Metadata: unknown
}

const update = goFields<Update>({ Op: wholeNumber, Addr: text, Metadata: () => undefined })

/**
 * Go's `client/v3/naming/endpoints`, which Go's gRPC resolver reads: `my-svc/node1` → `{"Op":0,"Addr":"10.0.0.5:8080","Metadata":null}`. There is no
 * prefix by default. It carries id, address and metadata, which may be any JSON; with `fields`, also zone and weight. Only instances that are `up` have
 * a key. Go's resolver reads the keys of `foo/bar` as instances of `foo`, too; this format does not. Throws `InvalidArgument`.
 *
 * Source: etcd-io/etcd, client/v3/naming/endpoints/internal/update.go and endpoints_impl.go.
 */
export const grpcNaming = (options: GrpcNamingOptions = {}): Format => {
  throwIfInvalid(invalidOptions<GrpcNamingOptions>('grpcNaming', options, { ...portChecks(), fields: flag }))
  const { prefix = '', defaultPort, fields: carriesFields = false } = options
  return foreignFormat({
    name: 'grpcNaming',
    place: layout(prefix === '' ? '' : rootOf(prefix)),
    segment: ({ id }) => id,
    write: instance => {
      const { address, metadata } = instance
      throwIfInvalid(invalidIf('metadata', json, metadata))
      const all = carriesFields && isRecord(metadata) ? withFields(metadata, instance, weight => weight) : metadata
      return goJson({ Op: 0, Addr: address, Metadata: isEmptyRecord(all) ? null : mapsWithin(all) })
    },
    parse: update,
    fields: ({ Addr, Metadata }) =>
      F.pipe(
        inField('Addr', addressIn(Addr ?? '', defaultPort)),
        E.map(address => ({
          address,
          metadata: Metadata ?? undefined,
          ...(carriesFields && isRecord(Metadata) && labelFields(Metadata, 1)),
        })),
      ),
  })
}
