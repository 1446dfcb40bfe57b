import { execFile } from 'node:child_process'
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'

let built: Promise<string | undefined> | undefined

/** Builds `bench/go` and resolves with the path of the binary. Without Go or a module proxy, it prints the reason and resolves with `undefined`. */
export const goBench = (): Promise<string | undefined> => {
  const build = async (): Promise<string | undefined> => {
    const binary = join(mkdtempSync(join(tmpdir(), 'bench-go-')), 'bench')
    try {
      await promisify(execFile)('go', ['build', '-o', binary, '.'], { cwd: 'bench/go', env: { ...process.env, GOWORK: 'off', GOFLAGS: '-mod=readonly' } })
      return binary
    } catch (error) {
      console.log(`the columns of Go are missing, since bench/go could not be built: ${error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error)}`)
      return undefined
    }
  }
  return (built ??= build())
}
