import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { getReaper, ImageName, LABEL_TESTCONTAINERS_SESSION_ID, type ContainerRuntimeClient } from 'testcontainers'
import { complaintOf } from './complaint-of.js'
import type { EtcdContainer } from './container.js'
import { etcdFlags } from './etcd-flags.js'
import { isHealthy } from './etcd-health.js'
import { freePort } from './free-port.js'

/** How to start a member. */
export interface MemberOptions {
  readonly client: ContainerRuntimeClient
  /** An image that the engine has. */
  readonly image: string
  readonly flags: readonly string[]
  /** How long (ms) it may take until it answers. */
  readonly startWithin: number
  /** Its name, by which other members find it. */
  readonly name: string
  /** The names of all members of its cluster. */
  readonly peers: readonly string[]
  /** Connects the container with the other members, before it runs. The returned function is called before the container is removed. */
  readonly join?: (containerId: string) => Promise<() => void>
}

type Container = ReturnType<ContainerRuntimeClient['container']['getById']>

const stateOf = (container: Container): Promise<{ readonly Running: boolean; readonly Paused: boolean; readonly ExitCode: number }> =>
  container.inspect().then(({ State }) => State)

/** Another process took the port after it was found to be free. */
const isPortTaken = (error: unknown): boolean => /port is already allocated|address already in use/i.test(String(error))

const complaint = async (container: Container): Promise<string> => complaintOf(String(await container.logs({ stdout: true, stderr: true, tail: 100 })))

const untilHealthy = async (container: Container, endpoint: string, within: number): Promise<void> => {
  const end = performance.now() + within
  while (!(await isHealthy(endpoint))) {
    const { Running, ExitCode } = await stateOf(container)
    if (!Running) throw new Error(`etcd ended with exit code ${ExitCode} and printed: ${await complaint(container)} (change image or flags)`)
    if (performance.now() > end)
      throw new Error(`etcd at ${endpoint} did not answer within ${within} ms and printed: ${await complaint(container)} (it needs most members of its cluster; on a slow machine, set startWithin)`)
    await sleep(50)
  }
}

const remove = (container: Container): Promise<void> =>
  container.remove({ force: true, v: true }).then(
    () => undefined,
    (error: unknown) => {
      // It is gone, or about to be.
      if (![404, 409].includes((error as { readonly statusCode: number }).statusCode)) throw error
    },
  )

/** Starts an etcd on a port of the host that stays the same, and on another one if that is taken meanwhile. */
export const startedEtcd = async (options: MemberOptions, tries = 5): Promise<EtcdContainer> => {
  const { client, image, flags, startWithin, name, peers, join } = options
  const port = await freePort()
  const endpoint = `http://${client.info.containerRuntime.host}:${port}`
  const { sessionId } = await getReaper(client)
  const container = await client.container.create({
    name: `rx-discovery-${name}-${randomUUID()}`,
    Hostname: name,
    Image: ImageName.fromString(image).string,
    Entrypoint: ['etcd'],
    Cmd: etcdFlags({ name, endpoint, peers }, flags),
    // Without a terminal, the engine frames the output.
    Tty: true,
    ExposedPorts: { '2379/tcp': {} },
    HostConfig: {
      PortBindings: { '2379/tcp': [{ HostPort: String(port) }] },
      // A member that moves to another network gets another address there. etcd then waits for its old connections as long as the system lets it: 3 s, and not 15 min.
      Sysctls: { 'net.ipv4.tcp_retries2': '3' },
    },
    // By this label the container is removed if the process ends without `stop`.
    Labels: { [LABEL_TESTCONTAINERS_SESSION_ID]: sessionId },
  })

  const start = async (): Promise<void> => {
    if (!(await stateOf(container)).Running) await container.start()
    await untilHealthy(container, endpoint, startWithin)
  }
  const kill = async (): Promise<typeof start> => {
    if ((await stateOf(container)).Running) {
      await container.kill()
      await container.wait()
    }
    return start
  }
  const unpause = async (): Promise<void> => {
    if ((await stateOf(container)).Paused) await container.unpause()
  }
  let leave: (() => void) | undefined
  let stopped: Promise<void> | undefined
  const stop = (): Promise<void> => {
    leave?.()
    return (stopped ??= remove(container))
  }

  try {
    leave = await join?.(container.id)
    await start()
  } catch (error) {
    await stop()
    if (isPortTaken(error) && tries > 1) return startedEtcd(options, tries - 1)
    throw error
  }
  return {
    id: container.id,
    hosts: [endpoint],
    kill,
    pause: async () => {
      if (!(await stateOf(container)).Paused) await container.pause()
      return unpause
    },
    restart: () => kill().then(again => again()),
    stop,
    [Symbol.asyncDispose]: stop,
  }
}
