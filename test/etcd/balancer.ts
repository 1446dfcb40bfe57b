import { connect, createServer, type AddressInfo, type Socket } from 'node:net'

/** A TCP load balancer: one address in front of several members. */
export interface Balancer {
  readonly endpoint: string
  /** How many connections it has open to each member. */
  readonly connections: () => readonly number[]
  readonly close: () => Promise<void>
}

/** Opens a balancer to `targets`, endpoints such as `http://127.0.0.1:2379`. The first connection goes to the first one, then each to the next one. */
export const balancer = async (targets: readonly string[]): Promise<Balancer> => {
  const open = targets.map(() => new Set<Socket>())
  let next = 0
  const server = createServer(client => {
    const index = next++ % targets.length
    const { hostname, port } = new URL(targets[index] ?? '')
    const member = connect({ host: hostname, port: Number(port) })
    for (const [one, other] of [[client, member], [member, client]] as const) one.setNoDelay().on('error', () => other.destroy()).on('close', () => other.destroy())
    client.once('close', () => open[index]?.delete(client))
    open[index]?.add(client)
    client.pipe(member).pipe(client)
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    connections: () => open.map(({ size }) => size),
    close: async () => {
      const closed = new Promise(resolve => server.close(resolve))
      for (const socket of open.flatMap(sockets => [...sockets])) socket.destroy()
      await closed
    },
  }
}
