/** How a member is reached. */
export interface Addresses {
  /** Its name, by which the other members find it. */
  readonly name: string
  /** The endpoint on the host of the engine, such as `http://localhost:20123`. */
  readonly endpoint: string
  /** The names of all members of the cluster. */
  readonly peers: readonly string[]
}

const peerUrl = (name: string): string => `http://${name}:2380`

/** The flags of etcd in a container. `more` comes last, so it can replace the others. */
export const etcdFlags = ({ name, endpoint, peers }: Addresses, more: readonly string[]): string[] => [
  `--name=${name}`,
  // Of the container itself, not of a volume: it survives a kill, and goes with the container.
  '--data-dir=/etcd-data',
  '--listen-client-urls=http://0.0.0.0:2379',
  // The endpoint that clients get from the member list, so that `autoSync` works from the host.
  `--advertise-client-urls=${endpoint}`,
  '--listen-peer-urls=http://0.0.0.0:2380',
  `--initial-advertise-peer-urls=${peerUrl(name)}`,
  `--initial-cluster=${peers.map(peer => `${peer}=${peerUrl(peer)}`).join()}`,
  ...more,
]
