import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** The binary of a Node, this one if it is of that major version, else from npm; `version` may be the major one only. */
export const nodeOf = async (version: string, log: (line: string) => void): Promise<string> => {
  if (`${process.version.slice(1)}.`.startsWith(`${version}.`)) return process.execPath
  const name = `node-${process.platform}-${process.arch}`
  const prefix = resolve('.nodes', version)
  const binary = resolve(prefix, 'node_modules', name, 'bin', 'node')
  if (existsSync(binary)) return binary
  log(`installing Node ${version}`)
  const options = ['--no-save', '--no-package-lock', '--ignore-scripts', '--prefix', prefix]
  await run('npm', ['install', ...options, `${name}@${version}`]).catch((error: unknown) => {
    throw new Error(`no Node ${version}: npm has none as ${name}; run \`npm test\` by one that you have`, { cause: error })
  })
  return binary
}
