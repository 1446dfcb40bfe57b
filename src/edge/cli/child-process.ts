import { spawn, type StdioOptions } from 'node:child_process'
import { constants } from 'node:os'
import { Observable, ReplaySubject } from 'rxjs'
import { interval, timers } from '../../flow/clock.js'

/** How a command ended: its exit code, 128 and its number for a signal, and the signal. */
export interface ChildEnd {
  readonly code: number
  readonly signal: NodeJS.Signals | undefined
}

/** A command that runs. */
export interface Child {
  readonly pid: number
  /** Sends a signal to all processes of the command. Does nothing if none is left. */
  readonly kill: (signal: NodeJS.Signals) => void
  /** Emits when the process of the command has ended, also to later subscribers, and completes. */
  readonly exited: Observable<ChildEnd>
}

/** Options of {@link childProcess}. */
export interface ChildOptions {
  /** @default 'ignore' */
  readonly stdio?: StdioOptions
  /** What the command reads on its standard input, for `stdio: ['pipe', …]`. @default nothing */
  readonly input?: string
  /** Variables besides those of this process. @default none */
  readonly env?: Readonly<Record<string, string>>
  /** How long processes that the command has left behind may take to end after SIGTERM, until SIGKILL, ms. @default 0 */
  readonly killAfter?: number
}

/** How often the end of what the command has left behind is looked for, ms. */
const lookEvery = 50

/** Whether the system has processes in groups. On Windows only the process of the command itself gets a signal. */
const inGroups = process.platform !== 'win32'

/** Sends a signal to a process group, 0 for none; returns whether there is such a process. */
const signalGroup = (pid: number, signal: NodeJS.Signals | 0): boolean => {
  try {
    return process.kill(inGroups ? -pid : pid, signal)
  } catch (error) {
    // A process of another user is there, and may not be signalled.
    return error instanceof Error && 'code' in error && error.code === 'EPERM'
  }
}

/**
 * Runs a command by the shell, in a process group of its own: a Ctrl-C on the terminal reaches it only through `kill`, and a signal reaches all of its
 * processes. Emits the command when it has started, and completes when none of its processes is left. Unsubscribing, and the end of this process, kill
 * what is left of it. Errors if there is no shell.
 */
export const childProcess = (command: string, { stdio = 'ignore', input, env = {}, killAfter = 0 }: ChildOptions = {}): Observable<Child> =>
  new Observable(subscriber => {
    const exited = new ReplaySubject<ChildEnd>(1)
    const child = spawn(command, { shell: true, detached: inGroups, stdio, env: { ...process.env, ...env } })
    const kill = (signal: NodeJS.Signals): void => {
      if (child.pid !== undefined) signalGroup(child.pid, signal)
    }
    const end = (): void => kill('SIGKILL')
    const waitForRest = (pid: number): void => {
      if (!signalGroup(pid, 'SIGTERM')) {
        subscriber.complete()
        return
      }
      let left = killAfter
      subscriber.add(
        interval(lookEvery, timers).subscribe({
          next: () => {
            left -= lookEvery
            if (left <= 0 || !signalGroup(pid, 0)) subscriber.complete()
          },
          error: (error: unknown) => subscriber.error(error),
        }),
      )
    }
    process.once('exit', end)
    subscriber.add(() => {
      process.off('exit', end)
      end()
    })
    child.once('error', error => subscriber.error(error))
    child.once('exit', (code, signal) => {
      exited.next({ code: code ?? 128 + constants.signals[signal ?? 'SIGKILL'], signal: signal ?? undefined })
      exited.complete()
      if (child.pid !== undefined) waitForRest(child.pid)
    })
    // A command need not read its input.
    child.stdin?.on('error', () => undefined)
    child.stdin?.end(input)
    if (child.pid !== undefined) subscriber.next({ pid: child.pid, kill, exited })
  })
