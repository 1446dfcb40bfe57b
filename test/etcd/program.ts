import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'

/** A program in a process of its own. */
export interface Program {
  /** Its next line of output; rejects when it ends before. */
  readonly line: () => Promise<string>
  /** What it said after the last line that was asked for, once it has ended. */
  readonly rest: () => Promise<readonly string[]>
  readonly write: (line: string) => void
  readonly signal: (signal: NodeJS.Signals) => void
  readonly running: () => boolean
  /** How it ended, and what it complained of. */
  readonly ended: Promise<{ readonly code: number | null; readonly signal: NodeJS.Signals | null; readonly complaint: string }>
}

/** How a program is started. */
export interface Launch {
  /** A command that runs what follows it, such as `ip netns exec name`. */
  readonly by?: readonly string[]
  readonly env?: Readonly<Record<string, string>>
}

/** Starts a command, called `name` in errors. */
export const spawned = (name: string, [command = '', ...args]: readonly string[], env: Readonly<Record<string, string>> = {}): Program => {
  const child = spawn(command, args, { stdio: 'pipe', env: { ...process.env, ...env } })
  let complaint = ''
  child.stderr.on('data', (chunk: Buffer) => (complaint += chunk.toString()))
  // It may have ended when it is written to.
  child.stdin.on('error', () => undefined)
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]()
  const ended = once(child, 'close').then(([code, signal]) => ({ code: code as number | null, signal: signal as NodeJS.Signals | null, complaint }))
  return {
    line: async () => {
      const next = await lines.next()
      if (next.done === true) throw new Error(`${name} ended: ${complaint}`)
      return next.value
    },
    rest: async () => {
      const all: string[] = []
      for (let next = await lines.next(); next.done !== true; next = await lines.next()) all.push(next.value)
      return all
    },
    write: line => void child.stdin.write(`${line}\n`),
    signal: signal => void child.kill(signal),
    running: () => child.exitCode === null && child.signalCode === null,
    ended,
  }
}

/** Starts the TypeScript in `file`, named relative to this one. */
export const program = (file: string, args: readonly string[] = [], { by = [], env = {} }: Launch = {}): Program =>
  spawned(file, [...by, process.execPath, '--import', 'tsx', new URL(file, import.meta.url).pathname, ...args], env)
