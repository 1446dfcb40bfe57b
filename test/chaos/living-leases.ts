import type { Etcd3 } from 'etcd3'

/** The ids of the leases that were granted for `ttl` seconds and have not expired. */
export const livingLeases = async (client: Etcd3, ttl: number): Promise<readonly string[]> => {
  const { leases } = await client.leaseClient.leaseLeases()
  const all = await Promise.all(leases.map(({ ID }) => client.leaseClient.leaseTimeToLive({ ID })))
  return all.filter(({ TTL, grantedTTL }) => Number(TTL) > 0 && Number(grantedTTL) === ttl).map(({ ID }) => ID)
}
