import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll } from 'vitest'
import { isThere } from '../is-there.js'

/** Builds `test/interop/go`. Resolves with the command that starts it, which takes a stack and an address of etcd, or with `undefined` without Go. */
export const goStacks = async (): Promise<readonly string[] | undefined> => {
  if (!(await isThere('docs/interop.md', 'go', 'version'))) return undefined
  const dir = mkdtempSync(join(tmpdir(), 'interop-go-'))
  afterAll(() => rmSync(dir, { recursive: true, force: true }))
  const binary = join(dir, 'interop')
  await promisify(execFile)('go', ['build', '-o', binary, '.'], { cwd: 'test/interop/go', env: { ...process.env, GOWORK: 'off', GOFLAGS: '-mod=readonly' } })
  return [binary]
}
