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
  /** Whether it must run as root; otherwise it must not. */
  readonly root: boolean
  readonly install: readonly string[]
  /** The arguments that update the package lists before a second try. */
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

/** Installs etcd with the system's package manager; resolves with `false` if none can be used. If the package starts a service, it keeps running. */
export const installEtcd = async (log: (line: string) => void): Promise<boolean> => {
  for (const manager of managers) {
    const { command, root, install, refresh } = manager
    if (root !== (process.getuid?.() === 0) || !(await present(manager))) continue
    log(`etcd: installing it with ${command}`)
    await run(command, install).catch(async (error: unknown) => {
      if (refresh === undefined) throw error
      await run(command, refresh)
      await run(command, install)
    })
    return findEtcd() !== undefined
  }
  return false
}
