import { execFile } from 'node:child_process'
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'

let built: Promise<string | undefined> | undefined

/** Builds the program of `bench/go`, where there is Go and a module proxy; `undefined`, and a word, where there is not. */
export const goBench = (): Promise<string | undefined> => {
  const build = async (): Promise<string | undefined> => {
    const binary = join(mkdtempSync(join(tmpdir(), 'bench-go-')), 'bench')
    try {
      await promisify(execFile)('go', ['build', '-o', binary, '.'], { cwd: 'bench/go', env: { ...process.env, GOWORK: 'off', GOFLAGS: '-mod=readonly' } })
      return binary
    } catch (error) {
      console.log(`without Go's client: ${error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error)}`)
      return undefined
    }
  }
  return (built ??= build())
}
