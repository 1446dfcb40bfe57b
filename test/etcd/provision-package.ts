import { execFile } from 'node:child_process'
import { findEtcd } from './provision-binary.js'

const run = (command: string, args: readonly string[]): Promise<void> =>
  new Promise((resolve, reject) => {
    const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', HOMEBREW_NO_AUTO_UPDATE: '1' }
    const child = execFile(command, args, { env, timeout: 300_000 }, (error, stdout, stderr) => {
      if (error === null) resolve()
      else reject(new Error(`${command} ${args.join(' ')} failed: ${(stderr || stdout || error.message).trim().slice(-500)}`))
    })
    child.stdin?.end()
  })

interface Manager {
  readonly command: string
  /** Whether it works as root, or refuses to. */
  readonly root: boolean
  readonly install: readonly string[]
  /** What to do before trying again. */
  readonly refresh?: readonly string[]
}

const managers: readonly Manager[] = [
  {
    command: 'apt-get',
    root: true,
    install: ['install', '-y', '--no-install-recommends', '-o', 'DPkg::Lock::Timeout=120', 'etcd-server'],
    refresh: ['update'],
  },
  { command: 'dnf', root: true, install: ['install', '-y', 'etcd'] },
  { command: 'brew', root: false, install: ['install', 'etcd'] },
]

const present = ({ command }: Manager): Promise<boolean> => run(command, ['--version']).then(() => true, () => false)

/** Installs etcd by the system's package manager; false where there is none that we may use. A service that the package starts is left alone. */
export const installEtcd = async (log: (line: string) => void): Promise<boolean> => {
  for (const manager of managers) {
    const { command, root, install, refresh } = manager
    if (root !== (process.getuid?.() === 0) || !(await present(manager))) continue
    log(`etcd: installing it by ${command}`)
    await run(command, install).catch(async (error: unknown) => {
      if (refresh === undefined) throw error
      await run(command, refresh)
      await run(command, install)
    })
    return findEtcd() !== undefined
  }
  return false
}
