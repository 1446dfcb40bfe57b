import { execFile } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { findEtcd } from '../etcd/provision-binary.js'
import { installEtcd } from '../etcd/provision-package.js'

const run = promisify(execFile)
const server = 'go.etcd.io/etcd/server/v3'
const cache = resolve('.etcds')

const go = (dir: string, ...args: readonly string[]): Promise<string> =>
  run('go', args, { cwd: dir, env: { ...process.env, GOWORK: 'off', GOFLAGS: '-mod=mod' } }).then(
    ({ stdout }) => stdout,
    (error: unknown) => {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
      throw new Error('`go` is not on the PATH: etcd from 3.5 on is built with Go 1.26 or later and a module proxy (install it from https://go.dev/dl, or run `npm run test:versions -- etcd 3.4` or `-- node`)')
    },
  )

const builtAt = (version: string): string => join(cache, version, 'etcd')

/** Builds this version unless it was built before. Its `go.mod` requires every other module of etcd at the same version. */
const build = async (version: string): Promise<string> => {
  const binary = builtAt(version)
  if (existsSync(binary)) return binary
  const dir = join(cache, version)
  rmSync(dir, { recursive: true, force: true })
  mkdirSync(dir, { recursive: true })
  cpSync('test/versions/etcd.go', join(dir, 'main.go'))
  writeFileSync(join(dir, 'go.mod'), 'module rx-discovery-etcd\n')
  await go(dir, 'get', `${server}@v${version}`)
  await go(dir, 'mod', 'tidy')
  await go(dir, 'build', '-trimpath', '-o', `${binary}.new`, '.')
  cpSync(`${binary}.new`, binary)
  rmSync(`${binary}.new`)
  return binary
}

/** The newest patch of a minor version such as `3.6`. A version with a patch is returned as it is. */
const newest = async (version: string): Promise<string> => {
  if (version.split('.').length > 2) return version
  const [, ...all] = (await go('.', 'list', '-m', '-versions', server)).trim().split(' ')
  const patches = all.map(tag => tag.slice(1)).filter(tag => tag.startsWith(`${version}.`) && !tag.includes('-'))
  const last = patches.at(-1)
  if (last === undefined) throw new Error(`the Go module proxy has no etcd ${version} (see https://github.com/etcd-io/etcd/releases for the versions)`)
  return last
}

/** The etcd 3.4 on the PATH, or that of the package manager: its Go module cannot be built, but several Linux distributions have it. */
const packaged = async (log: (line: string) => void): Promise<string> => {
  if (findEtcd() === undefined) await installEtcd(log)
  const binary = findEtcd()
  if (binary === undefined) throw new Error('etcd 3.4 is neither on the PATH nor in the package manager (put it on the PATH, or set ETCD_BIN to its file)')
  return binary
}

/** The version that an etcd binary prints, such as `3.4.23`. */
export const versionOf = async (binary: string): Promise<string> => /etcd Version: (\S+)/.exec((await run(binary, ['--version'])).stdout)?.[1] ?? 'unknown'

/** The path of an etcd binary: 3.4 comes from the PATH or the package manager, later versions are built. `version` may lack the patch. */
export const etcdBinary = async (version: string, log: (line: string) => void): Promise<string> => {
  if (version.startsWith('3.4')) return packaged(log)
  const exact = await newest(version)
  if (!existsSync(builtAt(exact))) log(`building etcd ${exact}`)
  return build(exact)
}
