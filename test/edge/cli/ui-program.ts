import { Subject } from 'rxjs'
import { vi } from 'vitest'
import type { ClosableRegistry } from 'rx-discovery'
import type { Signal } from '../../../src/edge/cli/host.js'
import { run } from '../../../src/edge/cli/run.js'

/** `rx-discovery ui`, or another command that serves a board, while it runs. */
export interface UiProgram {
  /** Without the fragment. */
  readonly url: string
  readonly port: number
  /** `''` if it is read-only. */
  readonly token: string
  readonly printed: { readonly out: string; readonly err: string }
  /** Ends it by a signal; resolves with the exit code. */
  readonly stop: () => Promise<number>
}

/** Starts `rx-discovery ui` on a registry. */
export const uiProgram = (registry: ClosableRegistry, script: string, ...argv: readonly string[]): Promise<UiProgram> => boardProgram(registry, script, 'ui', '--port', '0', ...argv)

/** Starts a command that serves a board. */
export const boardProgram = async (registry: ClosableRegistry, script: string, ...argv: readonly string[]): Promise<UiProgram> => {
  const signals = new Subject<Signal>()
  const printed = { out: '', err: '' }
  const ended = run(argv, {
    env: {},
    print: text => void (printed.out += text),
    printError: text => void (printed.err += text),
    signals,
    boardScript: () => Buffer.from(script),
    registryOf: () => registry,
    version: '1.2.3',
    folder: '/package',
  })
  const failed = ended.then(code => Promise.reject(new Error(`${code}: ${printed.err}`)))
  failed.catch(() => undefined)
  const found = await Promise.race([vi.waitUntil(() => /board at (http:\/\/\S+)/.exec(printed.out)?.[1], { timeout: 60_000, interval: 10 }), failed])
  const { hash, origin, port } = new URL(found)
  return {
    url: `${origin}/`,
    port: Number(port),
    token: new URLSearchParams(hash.slice(1)).get('token') ?? '',
    printed,
    stop: () => {
      signals.next('SIGTERM')
      return ended
    },
  }
}
