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
  /** Whether it must run as root; otherwise it must not. */
  readonly root: boolean
  readonly install: readonly string[]
  /** The arguments that update the package lists before a second try. */
  readonly refresh?: readonly string[]
}

const managers = {
  'apt-get': { root: true, install: ['install', '-y', '--no-install-recommends', '-o', 'DPkg::Lock::Timeout=120'], refresh: ['update'] },
  dnf: { root: true, install: ['install', '-y'] },
  brew: { root: false, install: ['install'] },
} satisfies Readonly<Record<string, Manager>>

const present = (command: string): Promise<boolean> => run(command, ['--version']).then(() => true, () => false)

/** Installs a package with the system's package manager, under the name that it has there; resolves with `false` if none can be used. */
export const installPackage = async (program: string, names: Partial<Readonly<Record<keyof typeof managers, string>>>, log: (line: string) => void): Promise<boolean> => {
  for (const [command, { root, install, refresh }] of Object.entries<Manager>(managers)) {
    const name = names[command as keyof typeof managers]
    if (name === undefined || root !== (process.getuid?.() === 0) || !(await present(command))) continue
    log(`${program}: installing it with ${command}`)
    await run(command, [...install, name]).catch(async (error: unknown) => {
      if (refresh === undefined) throw error
      await run(command, refresh)
      await run(command, [...install, name])
    })
    return true
  }
  return false
}

/** Installs etcd; resolves with `false` if that cannot be done. If the package starts a service, it keeps running. */
export const installEtcd = async (log: (line: string) => void): Promise<boolean> =>
  (await installPackage('etcd', { 'apt-get': 'etcd-server', dnf: 'etcd', brew: 'etcd' }, log)) && findEtcd() !== undefined
