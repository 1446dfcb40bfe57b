import { execFile } from 'node:child_process'
import { createWriteStream, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { accepts } from './provision-binary.js'
import type { Provided } from './provision.js'

const startup = 180_000

interface Container {
  readonly copyArchiveFromContainer: (path: string) => Promise<NodeJS.ReadableStream>
}

/** Copies etcd out of the image, for tests that spawn their own etcd; `undefined` if it does not run on this system. */
const extract = async (container: Container, dir: string): Promise<string | undefined> => {
  const binary = join(dir, 'etcd')
  for (const path of ['/usr/local/bin/etcd', '/usr/bin/etcd'])
    try {
      await pipeline(await container.copyArchiveFromContainer(path), createWriteStream(`${binary}.tar`))
      await promisify(execFile)('tar', ['-xf', `${binary}.tar`, '-C', dir])
      if (await accepts(binary)) return binary
    } catch {
      continue
    }
  return undefined
}

/** Starts etcd in a container; `undefined` if no Docker engine answers. */
export const fromDocker = async (log: (line: string) => void): Promise<Provided | undefined> => {
  // The import takes a third of a second, which the other ways do not need.
  const { GenericContainer, Wait, getContainerRuntimeClient } = await import('testcontainers')
  try {
    await getContainerRuntimeClient()
  } catch {
    return undefined
  }
  const image = process.env['ETCD_IMAGE'] ?? 'quay.io/coreos/etcd:v3.5.21'
  log(`etcd: starting ${image} in Docker`)
  const starting = new GenericContainer(image)
    .withExposedPorts(2379)
    .withCommand(['etcd', '--data-dir', '/tmp/etcd', '--listen-client-urls', 'http://0.0.0.0:2379', '--advertise-client-urls', 'http://127.0.0.1:2379'])
    .withWaitStrategy(Wait.forHttp('/health', 2379).withStartupTimeout(startup))
    .start()
  const container = await Promise.race([starting, sleep(startup, undefined, { ref: false })])
  if (container === undefined) {
    // A pull cannot be cancelled, so the container is stopped when it has started.
    starting.then(late => late.stop()).catch(() => undefined)
    throw new Error(`the container of ${image} did not start within ${startup / 1_000} s (pull the image first, or name another one in ETCD_IMAGE)`)
  }
  const endpoint = `http://${container.getHost()}:${container.getMappedPort(2379)}`
  const dir = mkdtempSync(join(tmpdir(), 'etcd-image-'))
  const binary = await extract(container, dir)
  return {
    endpoints: [endpoint],
    how: `${image} in Docker at ${endpoint}`,
    ...(binary !== undefined && { binary }),
    stop: async () => {
      rmSync(dir, { recursive: true, force: true })
      await container.stop()
    },
  }
}
