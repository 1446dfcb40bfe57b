import { setTimeout as sleep } from 'node:timers/promises'
import type { EtcdServer } from './server.js'

const soon = (): { readonly deadline: number } => ({ deadline: Date.now() + 500 })

/** A member's id as etcd counts it, in decimals. */
export const idOf = (member: EtcdServer): Promise<string> => member.client().maintenance.status(soon()).then(({ header }) => header.member_id)

/** Who leads at the moment; waits until one of those that answer does. */
export const leaderOf = async (members: readonly EtcdServer[]): Promise<EtcdServer> => {
  const clients = members.map(member => member.client())
  for (;;) {
    const told = await Promise.all(clients.map(client => client.maintenance.status(soon()).catch(() => undefined)))
    const leader = members.find((_, index) => told[index] !== undefined && told[index].leader === told[index].header.member_id)
    if (leader !== undefined) return leader
    await sleep(50)
  }
}

/** Hands the lead to one of them. */
export const lead = async (members: readonly EtcdServer[], to: EtcdServer): Promise<void> => {
  const targetID = await idOf(to)
  for (let from = await leaderOf(members); from !== to; from = await leaderOf(members))
    await from.client().maintenance.moveLeader({ targetID }).catch(() => sleep(50))
}
