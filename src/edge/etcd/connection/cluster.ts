import { Disconnected, Rewound } from '../../../core/errors.js'
import { now } from '../../../flow/clock.js'
import { headerOf } from '../wire/messages.js'

/** The one cluster that we talk to. */
export interface Cluster {
  /** Whether it is not known yet that `host` belongs to it: then nothing may be asked of it but who it is. */
  readonly isStranger: (host: string) => boolean
  /** Looks at a response of `host`; throws `Disconnected` when it is of another cluster, `Rewound` when ours is another one from now on. */
  readonly seen: (host: string, response: unknown) => void
}

/** For how long (ms) a cluster that does not answer stays the one, though a host of another one does: longer than a restart takes. */
const loyalty = 60_000

const idIn = (response: unknown): string | undefined =>
  Buffer.isBuffer(response)
    ? headerOf(response).cluster
    : (response as { readonly header?: { readonly cluster_id?: string } | null } | null)?.header?.cluster_id

/**
 * The first cluster that answers is the one. When a host of it turns up with another id, etcd was replaced; a host that was never of it
 * is believed to be what is left of a replaced cluster only after a minute, since it may as well have been put among the hosts by mistake.
 */
export const oneCluster = (): Cluster => {
  let own: string | undefined
  let heardAt = 0
  const homes = new Map<string, string>()
  const seen = (host: string, response: unknown): void => {
    const id = idIn(response)
    if (id === undefined || id === '0') return
    const before = own
    const at = now()
    const silentFor = at - heardAt
    if (id === before && homes.get(host) === id) {
      heardAt = at
      return
    }
    if (before !== undefined && id !== before && homes.get(host) !== before && silentFor < loyalty) {
      const hosts = [...homes].flatMap(([other, home]) => (home === before ? [other] : [])).join(', ')
      throw new Disconnected(`${host} belongs to cluster ${id}, not to ${before} as ${hosts}: the hosts must be those of one cluster`, { host })
    }
    own = id
    heardAt = at
    homes.set(host, id)
    if (before !== undefined && id !== before)
      throw new Rewound(`${host} belongs to cluster ${id}, not ${before}: etcd was replaced, or the hosts are of two clusters`)
  }
  return { isStranger: host => own !== undefined && homes.get(host) !== own, seen }
}
