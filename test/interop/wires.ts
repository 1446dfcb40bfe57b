import type { Format, ServiceInstanceInput } from 'rx-discovery'
import { dubbo, goKit, goZero, grpcNaming, kratos } from 'rx-discovery/formats'

/** An instance, as far as the commands of `test/interop/go/main.go` can name it. */
export interface About {
  readonly id: string
  readonly address: string
  readonly metadata: Readonly<Record<string, string>>
}

/** A format that is tried with the other side's own code. */
export interface Wire {
  readonly format: Format
  /** The fields that pass in both directions. */
  readonly fields: (about: About) => Omit<ServiceInstanceInput, 'service'>
  readonly first: About
  readonly changed: About
  /** What the other side's code wrote for `first` as the service `greeter` under the lease `recordedLease`. `npm run test:interop -- -u` records it. */
  readonly recording: string
}

export const recordedLease = '7587870460981677828'

const note = "a < b & c > \"d\" = 'e', é, \u2028, 😀"
const first: About = { id: 'node1', address: '10.1.0.1:9000', metadata: { zone: 'a', note } }
const changed: About = { id: 'node1', address: '10.1.0.2:9000', metadata: { zone: 'b', note } }

export const kratosUrls = (address: string) => ({ grpc: `grpc://${address}?isSecure=false`, http: `http://${address}?isSecure=false` })

/** By the name of the module whose code is used. */
export const wires = {
  'client/v3/naming': { format: grpcNaming(), fields: about => about, first, changed, recording: 'grpc-naming.json' },
  'core/discov': { format: goZero() as unknown as Format, fields: ({ address }) => ({ id: address, address }), first, changed, recording: 'go-zero.json' },
  'sd/etcdv3': { format: goKit() as unknown as Format, fields: ({ id, address }) => ({ id, address }), first, changed, recording: 'go-kit.json' },
  'kratos/v2/registry': {
    format: kratos() as unknown as Format,
    fields: ({ id, address, metadata }) => ({ id, address, version: 'v1', zone: metadata['zone'], metadata, endpoints: kratosUrls(address) }),
    ...{ first, changed, recording: 'kratos.json' },
  },
  'dubbo-registry-etcd3': {
    format: dubbo({ json: 'java' }) as unknown as Format,
    fields: ({ id, address, metadata }) => ({ id, address, metadata, zone: metadata['zone'] }),
    // The address is the key, so it stays.
    ...{ first, changed: { ...changed, address: first.address }, recording: 'dubbo-java.json' },
  },
} satisfies Readonly<Record<string, Wire>>
