import { getContainerRuntimeClient, type ContainerRuntimeClient } from 'testcontainers'

/** What a failed search for an engine means to the author of a test. */
const noEngine = (cause: unknown): Error =>
  new Error('no container engine answers, neither at DOCKER_HOST nor at its usual sockets (start Docker, Podman or Colima: https://node.testcontainers.org/supported-container-runtimes/)', { cause })

/** The container engine of this machine, or the one that `DOCKER_HOST` names. */
export const engine = (): Promise<ContainerRuntimeClient> =>
  getContainerRuntimeClient().catch((cause: unknown) => {
    throw noEngine(cause)
  })
