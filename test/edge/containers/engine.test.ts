import { afterEach, describe, expect, it, vi } from 'vitest'
import { etcdCluster, etcdContainer } from 'rx-discovery/containers'

// An engine on this machine must not change the result.
vi.mock('testcontainers', async original => ({
  ...(await original<object>()),
  getContainerRuntimeClient: () => Promise.reject(new Error('Could not find a working container runtime strategy')),
}))

afterEach(() => vi.restoreAllMocks())

describe('without a container engine', () => {
  it.each([
    ['etcdContainer', () => etcdContainer()],
    ['etcdCluster', () => etcdCluster()],
  ])('%s rejects with a sentence that says what to start, and keeps the cause', async (_, start) => {
    const error = await start().catch((thrown: unknown) => thrown)
    expect(String(error)).toBe(
      'Error: no container engine answers, neither at DOCKER_HOST nor at its usual sockets (start Docker, Podman or Colima: https://node.testcontainers.org/supported-container-runtimes/)',
    )
    expect(error).toHaveProperty('cause.message', 'Could not find a working container runtime strategy')
  })
})
