import { either as E, option as O } from 'fp-ts'
import * as t from 'io-ts'
import type { Format } from '../../../src/core/formats/format.js'
import { jsonFormat } from '../../../src/core/formats/json-format.js'
import { native } from '../../../src/core/formats/native.js'
import { plain } from '../../../src/core/formats/plain.js'
import { serviceInstance, type ServiceInstance } from '../../../src/core/instance/instance.js'

export const lease = { id: '7587870460981677828', ttl: 10, expiresAt: 0, renewals: 0 }

const nodes = t.array(t.intersection([t.type({ id: t.string, address: t.string }), t.partial({ metadata: t.union([t.record(t.string, t.string), t.null]) })]))

/** A format of a user: go-micro's. */
export const micro = jsonFormat({
  name: 'go-micro',
  root: '/micro/registry/',
  codec: t.type({ name: t.string, version: t.string, nodes }),
  read: ({ name, version, nodes: [node] }) => ({ service: name, id: node?.id, version, address: node?.address, metadata: node?.metadata ?? {} }),
  write: ({ service, id, address, version, status, metadata }) =>
    status === 'up' ? { name: service, version, nodes: [{ id, address, metadata }] } : null,
})

/** Another one, whose key ends in the address: Kitex's. */
export const kitex = jsonFormat({
  name: 'kitex',
  root: 'kitex/registry-etcd/',
  codec: t.type({ network: t.literal('tcp'), address: t.string, weight: t.number, tags: t.union([t.record(t.string, t.string), t.null]) }),
  read: ({ address, weight, tags }) => ({ address, weight: weight > 0 ? weight : 10, zone: tags?.['zone'], metadata: tags ?? {} }),
  write: ({ address, weight, metadata, status }) => (status === 'up' ? { network: 'tcp' as const, address, weight, tags: metadata } : null),
  segment: ({ address }) => address,
})

/** One without a root of its own, whose values say which service and id they are. */
const claiming = jsonFormat({
  name: 'claiming',
  root: '',
  codec: t.UnknownRecord,
  read: stored => ({ address: 'a:1', ...(stored as object) }),
  write: ({ service, id, address, status }) => ({ service, id, address, status }),
})

/** Formats of every kind. */
export const formats: readonly Format[] = [native(), native({ prefix: '/a' }), plain() as Format, plain({ prefix: '/a' }) as Format, micro as Format, kitex as Format, claiming]

/** An instance of the service `web`. */
export const web = (more: object = {}): ServiceInstance => serviceInstance({ service: 'web', id: 'node1', address: 'localhost:8000', ...more })

/** The result of a decoding that read this instance. */
export const read = <M>(instance: ServiceInstance<M>) => E.right(O.some(instance))

/** Why a value was rejected, or whether it was `read` or `ignored`. */
export const outcome = (format: Format, key: string, value: string, service = 'web'): string => {
  const decoded = format.decode(key, value, service)
  return E.isLeft(decoded) ? decoded.left.reason : O.isNone(decoded.right) ? 'ignored' : 'read'
}
