import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { dirname } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { guard } from '../../test/etcd/provision-process.js'

/** A process of the demo. */
export interface Child {
  readonly pid: number | undefined
  readonly running: () => boolean
  /** Ends it, by SIGKILL if it has not ended 30 s after another signal; resolves when it has ended. */
  readonly end: (signal: 'SIGTERM' | 'SIGKILL') => Promise<void>
}

/** Starts a program for Node; each line that it prints goes to `line`. If this process ends before, so does the program, and its folder is removed. */
export const child = (program: string, args: readonly string[], env: Readonly<Record<string, string>>, line: (line: string) => void = () => undefined): Child => {
  // In a process group of its own: Ctrl-C reaches this process only, which then ends all of them in order.
  const started = spawn(process.execPath, ['--enable-source-maps', program, ...args], { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'inherit'], detached: true })
  guard(started, dirname(program))
  const ended = once(started, 'close')
  createInterface(started.stdout).on('line', line)
  const running = (): boolean => started.exitCode === null && started.signalCode === null
  return {
    pid: started.pid,
    running,
    end: async signal => {
      started.kill(signal)
      await Promise.race([ended, sleep(30_000, undefined, { ref: false }).then(() => started.kill('SIGKILL'))])
      await ended
    },
  }
}
