// Installs the packed package and its peers into an empty folder, like a user, then loads every subpath with import, require and tsc.
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'

const { name, exports, peerDependencies, devDependencies } = JSON.parse(readFileSync('package.json', 'utf8'))
const subpaths = Object.keys(exports).filter(subpath => !subpath.endsWith('.json')).map(subpath => name + subpath.slice(1))
const dir = mkdtempSync(join(tmpdir(), 'consumer-'))
const file = (base, text) => writeFileSync(join(dir, base), text)
const run = (command, ...args) => execFileSync(command, args, { cwd: dir, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] })

try {
  const tarball = execFileSync('npm', ['pack', '--silent', '--pack-destination', dir], { encoding: 'utf8' }).trim()
  file('package.json', JSON.stringify({ name: 'consumer', private: true }))
  const peers = Object.keys(peerDependencies).map(peer => `${peer}@${devDependencies[peer]}`)
  run('npm', 'install', '--no-audit', '--no-fund', '--prefer-offline', `./${tarball}`, ...peers, `@types/node@${devDependencies['@types/node']}`)

  const names = `subpaths.map(([subpath, all]) => subpath + ': ' + Object.keys(all).sort().join(' ')).join('\\n')`
  file('esm.mjs', `${subpaths.map((subpath, i) => `import * as n${i} from '${subpath}'`).join('\n')}
const subpaths = [${subpaths.map((subpath, i) => `['${subpath}', n${i}]`)}]
console.log(${names})`)
  file('cjs.cjs', `const subpaths = [${subpaths.map(subpath => `['${subpath}', require('${subpath}')]`)}]
console.log(${names})`)
  const [esm, cjs] = [run(process.execPath, 'esm.mjs'), run(process.execPath, '--no-warnings', 'cjs.cjs')]
  console.log(esm)
  if (esm !== cjs) throw new Error(`require() must return the same names as import, got:\n${cjs}`)
  const empty = esm.split('\n').find(line => line.endsWith(': '))
  if (empty !== undefined) throw new Error(`a subpath must export something, got none from ${empty}`)

  file('types.ts', subpaths.map((subpath, i) => `import * as n${i} from '${subpath}'\nexport const c${i}: typeof n${i} = n${i}`).join('\n'))
  run(process.execPath, resolve('node_modules/typescript/bin/tsc'), '--noEmit', '--strict', '--module', 'nodenext', '--target', 'es2022', '--lib', 'es2022,dom', '--types', 'node', 'types.ts')
} catch (error) {
  console.error(error.stdout || error)
  process.exitCode = 1
} finally {
  rmSync(dir, { recursive: true, force: true })
}
