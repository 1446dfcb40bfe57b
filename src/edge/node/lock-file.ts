import { readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { flaw, invalid } from '../../core/validation.js'

/** How long a file that another machine writes may be quiet until that machine counts as gone, ms. A recording has a heartbeat every 15 s. */
const quietFor = 60_000

const codeOf = (error: unknown): unknown => (error instanceof Error && 'code' in error ? error.code : undefined)

const textOf = (path: string): string => {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}

/** When a process has started, so that another one with the same number is not taken for it; `-` where the system does not show it (it does on Linux). */
const startOf = (pid: number): string =>
  // What follows the name of the program, which may hold any character.
  textOf(`/proc/${pid}/stat`).split(') ').at(-1)?.split(' ')[19] ?? '-'

const markOf = (pid: number): string => `${pid} ${startOf(pid)} ${hostname()}`

const isRunning = (pid: number): boolean => {
  try {
    return process.kill(pid, 0)
  } catch (error) {
    // A process of another user is there, and may not be signalled.
    return codeOf(error) === 'EPERM'
  }
}

/** Who holds a lock, in words; `undefined` if a process that has ended left it behind. */
const holderOf = (path: string, mark: string): string | undefined => {
  const [, number = '', host = ''] = /^(\d+) \S+ (.*)$/s.exec(mark) ?? []
  const pid = Number(number)
  if (host === hostname()) return pid > 0 && isRunning(pid) && mark === markOf(pid) ? `process ${pid}${pid === process.pid ? ', this one,' : ''} does` : undefined
  const written = statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0
  return number !== '' && Date.now() - written < quietFor ? `process ${pid} on ${host} does` : undefined
}

/**
 * Locks a file for one writer, by a file beside it that names the process. Returns what unlocks it. A lock that a killed process has left behind is replaced. A pipe or
 * a device is not locked, nor is a file in a directory in which none can be made. Throws `InvalidArgument` if another process writes the file.
 */
export const lockFile = (path: string): (() => void) => {
  const lock = `${path}.lock`
  const own = markOf(process.pid)
  const isFile = statSync(path, { throwIfNoEntry: false })?.isFile() ?? true
  const taken = (isLast: boolean): boolean => {
    try {
      writeFileSync(lock, own, { flag: 'wx' })
      return true
    } catch (error) {
      if (codeOf(error) !== 'EEXIST') return false
      const holder = isLast ? 'another process does' : holderOf(path, textOf(lock))
      if (holder !== undefined) throw invalid('path', flaw('must be a file that nothing else records into', path, `${holder}: end it, or choose another file`))
      rmSync(lock, { force: true })
      return taken(true)
    }
  }
  if (!isFile || !taken(false)) return () => undefined
  const unlock = (): void => {
    process.off('exit', unlock)
    if (textOf(lock) === own) rmSync(lock, { force: true })
  }
  process.once('exit', unlock)
  return unlock
}
