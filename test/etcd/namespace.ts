import { execFile, execFileSync } from 'node:child_process'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** A network namespace, connected to the one of this process by a pair of interfaces. */
export interface Namespace {
  /** A command prefix that runs the command after it inside the namespace. */
  readonly by: readonly string[]
  /** The address of this process as seen from inside. */
  readonly address: string
  /** Runs a command inside. */
  readonly run: (...command: readonly string[]) => Promise<void>
  /** The interface inside. */
  readonly link: string
  readonly open: () => Promise<void>
  readonly close: () => Promise<void>
}

const works = (command: string, ...args: readonly string[]): boolean => {
  try {
    execFileSync(command, args, { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

/** The reason if this machine cannot create network namespaces. */
export const noNamespaces = (): string | undefined => {
  if (process.getuid?.() !== 0) return 'needs root'
  if (!works('ip', 'netns', 'list')) return 'needs `ip` (iproute2) and network namespaces'
  if (!works('iptables', '--version')) return 'needs `iptables`'
  return undefined
}

/** A namespace that is named after this process. It exists from `open` to `close`. */
export const namespace = (): Namespace => {
  const name = `rxd${process.pid}`
  const [ours, theirs] = [`${name}a`, `${name}b`]
  // A subnet of four addresses per process.
  const address = (host: number): string => `10.213.${(process.pid >> 6) & 255}.${(process.pid & 63) * 4 + host}`
  const by = ['ip', 'netns', 'exec', name]
  const ip = (...args: readonly string[]): Promise<unknown> => run('ip', args)
  const inside = (...command: readonly string[]): Promise<void> => ip('netns', 'exec', name, ...command).then(() => undefined)
  // This removes the pair of interfaces and its rules too.
  const remove = (): boolean => works('ip', 'netns', 'del', name)
  return {
    by,
    address: address(1),
    link: theirs,
    run: inside,
    open: async () => {
      process.once('exit', remove)
      await ip('netns', 'add', name)
      await ip('link', 'add', ours, 'type', 'veth', 'peer', 'name', theirs, 'netns', name)
      await ip('addr', 'add', `${address(1)}/30`, 'dev', ours)
      await ip('link', 'set', ours, 'up')
      await inside('ip', 'addr', 'add', `${address(2)}/30`, 'dev', theirs)
      await inside('ip', 'link', 'set', theirs, 'up')
      await inside('ip', 'link', 'set', 'lo', 'up')
    },
    close: async () => {
      process.off('exit', remove)
      await ip('netns', 'del', name).catch(() => undefined)
    },
  }
}
