import { randomUUID } from 'node:crypto'
import { getReaper, LABEL_TESTCONTAINERS_SESSION_ID, type ContainerRuntimeClient } from 'testcontainers'

/** The networks on which the members of a cluster reach each other. Each member is on one of them. */
export interface PeerNetworks {
  /** Puts a container on the first network, where others find it by this name. The returned function forgets it, since a container that is removed cannot be moved. */
  readonly join: (containerId: string, name: string) => Promise<() => void>
  /** Moves containers to a network of their own. The returned function moves those that are still there back to the first one. */
  readonly split: (containerIds: readonly string[]) => Promise<() => Promise<void>>
  /** Removes all networks, when their containers are removed. */
  readonly remove: () => Promise<void>
}

type Network = ReturnType<ContainerRuntimeClient['network']['getById']>

/** Creates the first network. */
export const peerNetworks = async (client: ContainerRuntimeClient): Promise<PeerNetworks> => {
  const { sessionId } = await getReaper(client)
  const networks = new Set<Network>()
  const places = new Map<string, { readonly network: Network; readonly name: string }>()

  const created = async (): Promise<Network> => {
    const network = await client.network.create({
      Name: `rx-discovery-${randomUUID()}`,
      // The published ports of a container lead through a network that is not internal, so a member without peers still serves clients.
      Internal: true,
      Labels: { [LABEL_TESTCONTAINERS_SESSION_ID]: sessionId },
    })
    networks.add(network)
    return network
  }
  const connect = async (container: string, network: Network, name: string): Promise<void> => {
    await network.connect({ Container: container, EndpointConfig: { Aliases: [name] } })
    places.set(container, { network, name })
  }
  const move = async (container: string, to: Network): Promise<void> => {
    const place = places.get(container)
    if (place === undefined) return
    await place.network.disconnect({ Container: container, Force: true })
    await connect(container, to, place.name)
  }

  const first = await created()
  return {
    join: async (container, name) => {
      await connect(container, first, name)
      return () => void places.delete(container)
    },
    split: async containers => {
      const side = await created()
      await Promise.all(containers.map(container => move(container, side)))
      return async () => {
        const there = containers.filter(container => places.get(container)?.network === side)
        await Promise.all(there.map(container => move(container, first)))
      }
    },
    remove: async () => {
      await Promise.all([...networks].map(network => client.network.remove(network)))
    },
  }
}
