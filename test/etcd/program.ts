import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { basename, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { buildSync } from 'esbuild'

/** A program in a process of its own. */
export interface Program {
  /** Its next line of output; rejects if the program ends before. */
  readonly line: () => Promise<string>
  /** All further lines of output, when the program has ended. */
  readonly rest: () => Promise<readonly string[]>
  readonly write: (line: string) => void
  readonly signal: (signal: NodeJS.Signals) => void
  readonly running: () => boolean
  /** How it ended, and its standard error. */
  readonly ended: Promise<{ readonly code: number | null; readonly signal: NodeJS.Signals | null; readonly complaint: string }>
}

/** How a program is started. */
export interface Launch {
  /** A command prefix that runs the command after it, such as `ip netns exec name`. */
  readonly by?: readonly string[]
  readonly env?: Readonly<Record<string, string>>
}

/** Starts a command. Errors call it `name`. */
export const spawned = (name: string, [command = '', ...args]: readonly string[], env: Readonly<Record<string, string>> = {}): Program => {
  const child = spawn(command, args, { stdio: 'pipe', env: { ...process.env, ...env } })
  let complaint = ''
  child.stderr.on('data', (chunk: Buffer) => (complaint += chunk.toString()))
  // A write to a program that has ended is ignored.
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

const bundles = new Map<string, string>()

/** Bundles a program, as it would be published. A loader that compiles at run time names each closure whenever it is created, which would cost more than the work that is measured. */
export const bundled = (file: string): string => {
  const known = bundles.get(file)
  if (known !== undefined) return known
  // Inside node_modules, so that imports are resolved.
  mkdirSync('node_modules/.cache', { recursive: true })
  const dir = mkdtempSync('node_modules/.cache/program-')
  process.once('exit', () => rmSync(dir, { recursive: true, force: true }))
  const outfile = resolve(dir, `${basename(file, '.ts')}.mjs`)
  buildSync({ entryPoints: [file], outfile, bundle: true, packages: 'external', platform: 'node', format: 'esm', target: 'node20', sourcemap: 'inline', logLevel: 'warning' })
  bundles.set(file, outfile)
  return outfile
}

/** Starts the TypeScript program `file`, a path from the root of the project. */
export const program = (file: string, args: readonly string[] = [], { by = [], env = {} }: Launch = {}): Program =>
  spawned(file, [...by, process.execPath, '--enable-source-maps', bundled(file), ...args], env)
