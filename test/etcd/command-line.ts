import { spawn } from 'node:child_process'
import { Etcd3 } from 'etcd3'
import { expect, inject, vi } from 'vitest'
import { own } from './own.js'
import { bundled } from './program.js'

/** The etcd that the tests share. */
export const sharedEndpoint = (): string => inject('etcdEndpoints')[0] ?? ''
/** A client of the etcd that the tests share. */
export const sharedClient = (): Etcd3 => own(new Etcd3({ hosts: sharedEndpoint() }), it => it.close())

let prefixes = 0
/** A prefix that no other test uses. */
export const freshPrefix = (): string => `/cli-test-${process.pid}-${Date.now()}-${(prefixes += 1)}`

interface Options {
  readonly endpoint?: string
  readonly env?: NodeJS.ProcessEnv
}

/** The file of the program. */
export const commandLine = bundled('src/edge/cli/main.ts')

/** Starts the program as a process of its own. */
export const start = (argv: readonly string[], { endpoint = sharedEndpoint(), env = {} }: Options = {}) => {
  const child = spawn(process.execPath, [commandLine, ...argv], {
    env: { PATH: process.env['PATH'], ETCD_ENDPOINTS: endpoint, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const ended = new Promise<number | NodeJS.Signals | null>(resolve => child.once('close', (code, signal) => resolve(code ?? signal)))
  const printed = { out: '', err: '' }
  child.stdout.on('data', (chunk: Buffer) => (printed.out += chunk.toString()))
  child.stderr.on('data', (chunk: Buffer) => (printed.err += chunk.toString()))
  // A command that it runs may still have its output.
  const exited = new Promise<void>(resolve => child.once('exit', () => resolve()))
  own(child, async it => {
    it.kill('SIGKILL')
    await exited
  })
  return {
    ...{ child, printed, ended },
    until: (text: string, times = 1) =>
      vi.waitUntil(() => (printed.out + printed.err).split(text).length > times, { timeout: 30_000, interval: 10 }).catch(() => {
        expect(printed.out + printed.err).toContain(text)
      }),
    lines: () => printed.out.split('\n').slice(0, -1),
  }
}

/** Runs the program to its end. */
export const result = async (argv: readonly string[], options?: Options) => {
  const { ended, printed } = start(argv, options)
  return { code: await ended, ...printed }
}
