import { setTimeout as sleep } from 'node:timers/promises'
import { idOf, lead } from './leader.js'
import type { EtcdCluster, EtcdServer } from './server.js'

/** What happens around the replacement of a member. */
export interface Around {
  /** Runs when a new member has been started. */
  readonly added: (member: EtcdServer) => Promise<unknown>
  /** Runs before a former member is removed. A new one is the leader then. */
  readonly removing: (member: EtcdServer) => Promise<unknown>
}

/** Repeats a change until etcd accepts it, for at most 10 s. */
const accepted = async (change: () => Promise<unknown>): Promise<void> => {
  const end = performance.now() + 10_000
  for (;;) {
    try {
      await change()
      return
    } catch (error) {
      if (performance.now() > end) throw error
    }
    await sleep(100)
  }
}

/** Replaces each member of a cluster by a new one, one after the other, and returns the new ones. */
export const replaceMembers = async (cluster: EtcdCluster, { added, removing }: Around): Promise<readonly EtcdServer[]> => {
  const endpointsOf = (members: readonly EtcdServer[]): string[] => members.map(({ endpoint }) => endpoint)
  const replaced: EtcdServer[] = []
  const running = [...cluster.members]
  for (const member of cluster.members) {
    const ID = await idOf(member)
    const next = await cluster.join('voter', endpointsOf(running))
    replaced.push(next)
    running.push(next)
    await added(next)
    // An election would take longer than a backoff step.
    await lead(running, next)
    await removing(member)
    const admin = next.client({ hosts: endpointsOf(replaced) }).cluster
    await accepted(() => admin.memberRemove({ ID }))
    await member.kill()
    running.shift()
  }
  return replaced
}
