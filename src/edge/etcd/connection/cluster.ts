import { Disconnected, Rewound } from '../../../core/errors.js'
import { now } from '../../../flow/clock.js'
import { headerOf } from '../wire/messages.js'

/** Checks that all hosts belong to one cluster. */
export interface Cluster {
  /** Whether `host` has not been seen in the cluster yet. Then its cluster id must be read before anything else is asked of it. */
  readonly isStranger: (host: string) => boolean
  /** Checks the cluster id in a response of `host`. Throws `Disconnected` if the host belongs to another cluster, `Rewound` if etcd was replaced. */
  readonly seen: (host: string, response: unknown) => void
  /** Forgets a host that is left for good: what answers there later is another member. */
  readonly forget: (host: string) => void
}

/** How long (ms) the cluster may be silent before a host with another id is believed: longer than a restart takes. */
const replacedAfter = 60_000

const idIn = (response: unknown): string | undefined =>
  Buffer.isBuffer(response)
    ? headerOf(response).cluster
    : (response as { readonly header?: { readonly cluster_id?: string } | null } | null)?.header?.cluster_id

/**
 * The first cluster that answers is the right one. If one of its hosts answers with another id, etcd was replaced. A host that never belonged to it
 * may have been configured by mistake, so its id is believed only if the cluster has been silent for a minute.
 *
 * @param mayReplace Whether this host is believed then. A host that the cluster itself named never is.
 */
export const oneCluster = (mayReplace: (host: string) => boolean = () => true): Cluster => {
  let current: string | undefined
  let lastAnswerAt = 0
  const clusterOf = new Map<string, string>()
  const seen = (host: string, response: unknown): void => {
    const id = idIn(response)
    if (id === undefined || id === '0') return
    const before = current
    const at = now()
    const silentFor = at - lastAnswerAt
    if (id === before && clusterOf.get(host) === id) {
      lastAnswerAt = at
      return
    }
    if (before !== undefined && id !== before && clusterOf.get(host) !== before && (silentFor < replacedAfter || !mayReplace(host))) {
      const hosts = [...clusterOf].flatMap(([other, cluster]) => (cluster === before ? [other] : [])).join(', ')
      const advice = hosts === '' ? `this registry is of cluster ${before}: use another registry for another cluster` : `${hosts} to cluster ${before}: list the hosts of one cluster only`
      throw new Disconnected(`${host} belongs to cluster ${id}, but ${advice}`, { host })
    }
    current = id
    lastAnswerAt = at
    clusterOf.set(host, id)
    if (before !== undefined && id !== before)
      throw new Rewound(`${host} belongs to cluster ${id}, before it was ${before}: etcd was replaced, or the hosts belong to two clusters`)
  }
  return { isStranger: host => current !== undefined && clusterOf.get(host) !== current, seen, forget: host => clusterOf.delete(host) }
}
