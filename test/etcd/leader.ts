import { setTimeout as sleep } from 'node:timers/promises'
import type { EtcdServer } from './server.js'

const soon = (): { readonly deadline: number } => ({ deadline: Date.now() + 500 })

/** The id of a member as a decimal string. */
export const idOf = (member: EtcdServer): Promise<string> => member.client().maintenance.status(soon()).then(({ header }) => header.member_id)

/** The current leader. Waits until one of the members that answer is the leader. */
export const leaderOf = async (members: readonly EtcdServer[]): Promise<EtcdServer> => {
  const clients = members.map(member => member.client())
  for (;;) {
    const statuses = await Promise.all(clients.map(client => client.maintenance.status(soon()).catch(() => undefined)))
    const leader = members.find((_, index) => statuses[index] !== undefined && statuses[index].leader === statuses[index].header.member_id)
    if (leader !== undefined) return leader
    await sleep(50)
  }
}

/** Makes `to` the leader. */
export const lead = async (members: readonly EtcdServer[], to: EtcdServer): Promise<void> => {
  const targetID = await idOf(to)
  for (let from = await leaderOf(members); from !== to; from = await leaderOf(members))
    await from.client().maintenance.moveLeader({ targetID }).catch(() => sleep(50))
}
