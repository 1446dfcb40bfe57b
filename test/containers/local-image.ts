import { execFile } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { getContainerRuntimeClient } from 'testcontainers'
import { findEtcd } from '../etcd/provision-binary.js'
import { installEtcd } from '../etcd/provision-package.js'

const run = promisify(execFile)

/** Gives the engine an image of this name with the etcd of this machine and the libraries that it loads; returns the path of that etcd. */
export const localImage = async (name: string, log: (line: string) => void): Promise<string> => {
  const binary = findEtcd() ?? ((await installEtcd(log)) ? findEtcd() : undefined)
  if (binary === undefined) throw new Error('no etcd for an image: put `etcd` on the PATH, or set ETCD_BIN to its file')
  const dir = mkdtempSync(join(tmpdir(), 'etcd-image-'))
  try {
    const root = join(dir, 'root')
    const add = (from: string, to = from): void => {
      mkdirSync(dirname(join(root, to)), { recursive: true })
      cpSync(from, join(root, to), { dereference: true })
    }
    add(binary, '/usr/local/bin/etcd')
    const { stdout: libraries } = await run('ldd', [binary])
    for (const [library] of libraries.matchAll(/\/\S+/g)) add(library)
    mkdirSync(join(root, 'tmp'))
    const tar = join(dir, 'image.tar')
    await run('tar', ['-C', root, '-cf', tar, '.'])
    const [repo = '', tag = ''] = name.split(/:(?=[^/]*$)/)
    const { container } = await getContainerRuntimeClient()
    const progress = await container.dockerode.importImage(tar, { repo, tag })
    progress.resume()
    await new Promise((resolve, reject) => progress.once('end', resolve).once('error', reject))
    return binary
  } finally {
    rmSync(dir, { recursive: true })
  }
}
