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

/** Copies etcd out of the image, for tests that spawn their own etcd; `undefined` if it does not run on this system. */
const extract = async (archiveOf: (path: string) => Promise<NodeJS.ReadableStream>, dir: string): Promise<string | undefined> => {
  const binary = join(dir, 'etcd')
  for (const path of ['/usr/local/bin/etcd', '/usr/bin/etcd'])
    try {
      await pipeline(await archiveOf(path), createWriteStream(`${binary}.tar`))
      await promisify(execFile)('tar', ['-xf', `${binary}.tar`, '-C', dir])
      if (await accepts(binary)) return binary
    } catch {
      continue
    }
  return undefined
}

/** Starts etcd in a container; `undefined` if no container engine answers. */
export const fromDocker = async (log: (line: string) => void): Promise<Provided | undefined> => {
  // The import takes a third of a second, which the other ways do not need.
  const { getContainerRuntimeClient } = await import('testcontainers')
  const engine = await getContainerRuntimeClient().catch(() => undefined)
  if (engine === undefined) return undefined
  const { defaultImage } = await import('../../src/edge/containers/container-options.js')
  const { etcdContainer } = await import('../../src/edge/containers/etcd-container.js')
  const image = process.env['ETCD_IMAGE'] ?? defaultImage
  log(`etcd: starting ${image} in Docker`)
  const starting = etcdContainer({ image, startWithin: startup })
  const etcd = await Promise.race([starting, sleep(startup, undefined, { ref: false })])
  if (etcd === undefined) {
    // A pull cannot be cancelled, so the container is stopped when it has started.
    starting.then(late => late.stop()).catch(() => undefined)
    throw new Error(`the container of ${image} did not start within ${startup / 1_000} s (pull the image first, or name another one in ETCD_IMAGE)`)
  }
  const dir = mkdtempSync(join(tmpdir(), 'etcd-image-'))
  const binary = await extract(path => engine.container.fetchArchive(engine.container.getById(etcd.id), path), dir)
  return {
    endpoints: etcd.hosts,
    how: `${image} in Docker at ${etcd.hosts.join()}`,
    ...(binary !== undefined && { binary }),
    stop: async () => {
      rmSync(dir, { recursive: true, force: true })
      await etcd.stop()
    },
  }
}
