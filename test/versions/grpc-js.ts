import { execFile } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** The main file of a version of `@grpc/grpc-js` from npm: an exact version, the newest patch of `1.12`, or `latest`; and which version that is. */
export const grpcJs = async (version: string, log: (line: string) => void): Promise<{ readonly main: string; readonly exact: string }> => {
  const prefix = resolve('.nodes', `grpc-js-${version}`)
  const folder = resolve(prefix, 'node_modules/@grpc/grpc-js')
  if (!existsSync(folder) || version === 'latest') {
    log(`installing @grpc/grpc-js ${version}`)
    await run('npm', ['install', '--no-save', '--no-package-lock', '--ignore-scripts', '--prefix', prefix, `@grpc/grpc-js@${version}`])
  }
  const { version: exact } = JSON.parse(readFileSync(resolve(folder, 'package.json'), 'utf8')) as { readonly version: string }
  return { main: resolve(folder, 'build/src/index.js'), exact }
}
