import { spawn } from 'node:child_process'
import { once } from 'node:events'

/** How a run of tests ended. */
export interface Outcome {
  readonly passed: number
  readonly failed: number
  readonly skipped: number
  readonly seconds: number
}

/** The line by which `test/reporter.ts` ends a run. */
const summary = /^(\d+) passed, (\d+) failed(?:, (\d+) skipped)?$/m

/** Runs vitest by this Node and on this etcd, its output is ours; one that ends without a summary is one failure. */
export const suite = async (node: string, etcd: string, filters: readonly string[]): Promise<Outcome> => {
  const start = performance.now()
  const child = spawn(node, ['node_modules/vitest/vitest.mjs', 'run', ...filters], {
    env: { ...process.env, ETCD_PROVIDER: 'path', ETCD_BIN: etcd },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let said = ''
  child.stdout.on('data', (chunk: Buffer) => {
    process.stdout.write(chunk)
    said += chunk.toString()
  })
  const [code] = (await once(child, 'close')) as [number | null]
  const [, passed = '0', failed = '0', skipped = '0'] = summary.exec(said) ?? []
  return {
    passed: Number(passed),
    failed: Math.max(Number(failed), code === 0 && summary.test(said) ? 0 : 1),
    skipped: Number(skipped),
    seconds: Math.round((performance.now() - start) / 1000),
  }
}
