import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** The path of a Node binary: the running one if `version` matches it, otherwise one from npm. `version` may be the major version alone. */
export const nodeBinary = async (version: string, log: (line: string) => void): Promise<string> => {
  if (`${process.version.slice(1)}.`.startsWith(`${version}.`)) return process.execPath
  const name = `node-${process.platform}-${process.arch}`
  const prefix = resolve('.nodes', version)
  const binary = resolve(prefix, 'node_modules', name, 'bin', 'node')
  if (existsSync(binary)) return binary
  log(`installing Node ${version}`)
  const options = ['--no-save', '--no-package-lock', '--ignore-scripts', '--prefix', prefix]
  await run('npm', ['install', ...options, `${name}@${version}`]).catch((error: unknown) => {
    throw new Error(`Node ${version} cannot be installed from npm as ${name} (run \`npm test\` with a Node ${version} of your own)`, { cause: error })
  })
  return binary
}
