import { setTimeout as sleep } from 'node:timers/promises'
import { InvalidArgument } from '../../core/errors.js'
import { count, invalidOptions, numberFrom } from '../../core/arguments.js'
import { throwIfInvalid } from '../../core/validation.js'
import type { EtcdContainer } from './container.js'
import { containerChecks, type EtcdContainerOptions } from './container-options.js'
import { isLeading } from './etcd-health.js'
import { peerNetworks } from './peer-networks.js'
import { sharedOptions } from './shared-options.js'
import { startedEtcd } from './started-etcd.js'

/** Options of `etcdCluster`. */
export interface EtcdClusterOptions extends EtcdContainerOptions {
  /** How many members it has, 1 to 7. @default 3 */
  readonly size?: number | undefined
}

/** A cluster of etcd, each member in a container of its own with levers of its own. */
export interface EtcdCluster extends AsyncDisposable {
  readonly members: readonly EtcdContainer[]
  /** The endpoints of all members, for `etcdRegistry({ hosts })`. */
  readonly hosts: readonly string[]
  /** The member that leads. Waits for an election if there is none. */
  readonly leader: () => Promise<EtcdContainer>
  /**
   * Cuts these members off from the others, but not from each other, and not from clients. Those of the two sides that are less than half of the cluster
   * have no leader. The returned function connects them again. Members of an earlier partition leave it.
   */
  readonly partition: (...members: readonly EtcdContainer[]) => Promise<() => Promise<void>>
  /** Removes the containers, their data and their networks. */
  readonly stop: () => Promise<void>
}

/**
 * Starts a cluster of etcd in containers, for a test, and resolves when it has a leader and all members answer. `stop` removes it; if the process ends
 * without that, testcontainers does.
 *
 * Rejects with `InvalidArgument` if an option cannot work, and with an `Error` if no container engine answers, or etcd does not start.
 */
export const etcdCluster = async (options?: EtcdClusterOptions): Promise<EtcdCluster> => {
  throwIfInvalid(invalidOptions('etcdCluster', options, { ...containerChecks, size: value => count(value) ?? numberFrom(1, 7)(value) }))
  const shared = await sharedOptions(options)
  const networks = await peerNetworks(shared.client)
  const peers = Array.from({ length: options?.size ?? 3 }, (_, index) => `etcd${index + 1}`)
  const starts = await Promise.allSettled(peers.map(name => startedEtcd({ ...shared, name, peers, join: container => networks.join(container, name) })))
  const members = starts.flatMap(start => (start.status === 'fulfilled' ? [start.value] : []))

  let stopped: Promise<void> | undefined
  const stop = (): Promise<void> => (stopped ??= Promise.all(members.map(member => member.stop())).then(networks.remove))

  const failed = starts.find(start => start.status === 'rejected')
  if (failed !== undefined) {
    await stop()
    throw failed.reason
  }
  const hosts = members.flatMap(member => member.hosts)

  const leader = async (): Promise<EtcdContainer> => {
    const end = performance.now() + shared.startWithin
    while (performance.now() < end) {
      const leading = await Promise.all(hosts.map(isLeading))
      const found = members[leading.indexOf(true)]
      if (found !== undefined) return found
      await sleep(50)
    }
    throw new Error(`no member of the cluster became its leader within ${shared.startWithin} ms (most of its members must run and reach each other; startWithin sets how long this waits)`)
  }
  const partition = async (...cut: readonly EtcdContainer[]): Promise<() => Promise<void>> => {
    if (cut.length === 0 || !cut.every(member => members.includes(member))) throw new InvalidArgument('members', 'must be members of this cluster, at least one (such as cluster.members[0])')
    return networks.split(cut.map(member => member.id))
  }
  return { members, hosts, leader, partition, stop, [Symbol.asyncDispose]: stop }
}
