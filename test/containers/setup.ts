import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import type { TestProject } from 'vitest/node'
import { defaultImage } from '../../src/edge/containers/container-options.js'
import { localImage } from './local-image.js'
import { ownEngine } from './own-engine.js'

/** In another process, since testcontainers reads the environment once. */
const answers = (): Promise<boolean> =>
  promisify(execFile)(process.execPath, ['-e', "require('testcontainers').getContainerRuntimeClient()"]).then(() => true, () => false)

/** Uses the container engine of this machine. If there is none, it starts one, which has the etcd of this machine as its default image. */
export default async (project: TestProject): Promise<() => Promise<void>> => {
  const log = (line: string): void => project.vitest.logger.log(line)
  if (await answers()) return () => Promise.resolve()
  const { host, stop } = await ownEngine(log)
  process.env['DOCKER_HOST'] = host
  // It has no image but this one, not even that of the container which removes others.
  process.env['TESTCONTAINERS_RYUK_DISABLED'] = 'true'
  try {
    log(`containers: a Docker engine of its own at ${host}, with ${await localImage(defaultImage, log)} as ${defaultImage}`)
  } catch (error) {
    await stop()
    throw error
  }
  return stop
}
