import { spawn } from 'node:child_process'
import { once } from 'node:events'

/** How a run of tests ended. */
export interface Outcome {
  readonly passed: number
  readonly failed: number
  readonly skipped: number
  readonly seconds: number
}

/** The last line of a run, which `test/reporter.ts` prints. */
const summary = /^(\d+) passed, (\d+) failed$/m

/** Runs vitest with this Node, this etcd and more of the environment, and prints its output. A run that ends without a summary counts as one failure. */
export const suite = async (node: string, etcd: string, filters: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Outcome> => {
  const start = performance.now()
  const child = spawn(node, ['node_modules/vitest/vitest.mjs', 'run', ...filters], {
    env: { ...process.env, ETCD_PROVIDER: 'path', ETCD_BIN: etcd, ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let output = ''
  child.stdout.on('data', (chunk: Buffer) => {
    process.stdout.write(chunk)
    output += chunk.toString()
  })
  const [code] = (await once(child, 'close')) as [number | null]
  const [, passed = '0', failed = '0'] = summary.exec(output) ?? []
  const [, skipped = '0'] = /^(\d+) skipped$/m.exec(output) ?? []
  return {
    passed: Number(passed),
    failed: Math.max(Number(failed), code === 0 && summary.test(output) ? 0 : 1),
    skipped: Number(skipped),
    seconds: Math.round((performance.now() - start) / 1000),
  }
}
