// Renders the app of docs/angular.md on a server, with Angular 20 to 22, with zone.js and without, and builds its page with Angular's command line.
import { readFileSync } from 'node:fs'
import { file, install, newest, project, run, versionOf, works } from './tools.mjs'

const versions = ['20.0.0', '20.3.32', '21.2.24', '22.2.0']

/** Serves an instance of `orders`, and renders the page twice: a stream that stays open must not keep Angular from finishing. */
const program = `
import { createServer } from 'node:http'
import * as core from '@angular/core'
import { register } from 'rx-discovery'
import { memoryRegistry } from 'rx-discovery/memory'
import { injectServiceSetResource, provideServiceDiscovery } from 'rx-discovery/angular'
import { gateway } from './gateway'
const orders = createServer((_, response) => response.setHeader('content-type', 'application/json').end('{"total":7}'))
await new Promise<void>(resolve => orders.listen(0, '127.0.0.1', resolve))
const address = '127.0.0.1:' + (orders.address() as { port: number }).port
const registry = memoryRegistry()
const registration = register(registry, { service: 'orders', id: 'node1', address }).subscribe()
const late = setTimeout(() => { throw new Error('not rendered within 20 s') }, 20_000)
const server = gateway(registry)
await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
for (let i = 0; i < 2; i++) {
  const html = await (await fetch('http://127.0.0.1:' + (server.address() as { port: number }).port)).text()
  for (const text of ['<p id="status">live</p>', '<li>node1 up</li>', '<p id="total">7</p>', 'rx-discovery orders']) if (!html.includes(text)) throw new Error(text + ' is not in ' + html)
  if (html.includes(address)) throw new Error('the page holds the address of an instance: ' + html)
}
const hasResources = Number(core.VERSION.major) > 20
const injector = core.createEnvironmentInjector([provideServiceDiscovery({ registry })], core.Injector.create({ providers: [{ provide: core.PLATFORM_ID, useValue: 'server' }, core.TransferState, { provide: core.NgZone, useValue: { run: (body: () => unknown) => body(), runOutsideAngular: (body: () => unknown) => body() } }] as never }) as core.EnvironmentInjector)
const status = () => injectServiceSetResource(() => 'orders', { injector }).status()
let failure = ''
try {
  if (status() !== 'loading') throw new Error('a resource is ' + status())
} catch (error) {
  failure = String(error)
}
if (hasResources ? failure !== '' : !failure.includes('needs Angular 21')) throw new Error('the resource: ' + failure)
clearTimeout(late)
registration.unsubscribe()
server.close()
orders.close()
await registry.close()
console.log('works')
`

const commandLine = {
  version: 1,
  projects: {
    app: {
      projectType: 'application',
      root: '',
      architect: {
        build: {
          builder: '@angular/build:application',
          options: { browser: 'src/main.ts', index: 'src/index.html', tsConfig: 'tsconfig.json', outputPath: 'out', budgets: [{ type: 'initial', maximumError: '400kB' }] },
        },
      },
    },
  },
  cli: { analytics: false },
}

/** Renders the app with each version, or with the one given, and builds the page by Angular's command line if none is given. */
export const angularProjects = (tarball, only) => {
  const files = [...readFileSync('docs/angular.md', 'utf8').matchAll(/```ts\n\/\/ ([\w.]+\.ts)\n([^]*?)```/g)].map(([, name, text]) => [name, text])
  const tsconfig = { compilerOptions: { experimentalDecorators: true, target: 'es2022', useDefineForClassFields: false, moduleResolution: 'bundler', module: 'esnext', strict: true, skipLibCheck: false } }
  for (const version of only === undefined ? versions : [only]) {
    const folder = `angular-${version}`
    const packages = ['core', 'common', 'compiler', 'platform-browser', 'platform-server', 'router'].map(name => `@angular/${name}@${version}`)
    project(`Angular ${version}, the packages`, () => install(folder, tarball, ...newest, ...packages, 'zone.js@0.15.1', `esbuild@${versionOf('esbuild')}`, '--legacy-peer-deps'))
    for (const [zone, first] of [['without', ''], ['with', "import 'zone.js/node'\n"]])
      project(`Angular ${version}, rendered on the server ${zone} zone.js`, () => {
        for (const [name, text] of files) file(`${folder}/${zone}/${name}`, zone === 'with' ? text.replaceAll('provideZonelessChangeDetection', 'provideZoneChangeDetection') : text)
        file(`${folder}/${zone}/tsconfig.json`, JSON.stringify(tsconfig))
        file(`${folder}/${zone}/run.ts`, `${first}import '@angular/compiler'\n${program}`)
        run(folder, 'node_modules/.bin/esbuild', `${zone}/run.ts`, '--bundle', '--packages=external', '--platform=node', '--format=esm', '--banner:js=globalThis.ngServerMode = true', `--outfile=${zone}.mjs`)
        works(run(folder, process.execPath, `${zone}.mjs`))
      })
  }
  if (only !== undefined) return
  // Angular 22 refuses Node 20.
  const version = '21.2.24'
  project(`Angular ${version}, the page by Angular's command line`, () => {
    const folder = 'angular-cli'
    const packages = ['core', 'common', 'compiler', 'compiler-cli', 'platform-browser'].map(name => `@angular/${name}@${version}`)
    install(folder, tarball, 'rxjs', ...packages, '@angular/cli@21.2.24', '@angular/build@21.2.24', 'typescript@5.9.3', 'tslib', '--legacy-peer-deps')
    for (const name of ['app.ts', 'app.config.ts', 'main.ts']) file(`${folder}/src/${name}`, files.find(([known]) => known === name)[1])
    file(`${folder}/src/index.html`, '<!doctype html><html><head></head><body><app-root></app-root></body></html>')
    file(`${folder}/angular.json`, JSON.stringify(commandLine))
    file(`${folder}/tsconfig.json`, JSON.stringify({ ...tsconfig, angularCompilerOptions: { strictTemplates: true }, files: ['src/main.ts'] }))
    const output = run(folder, process.execPath, 'node_modules/@angular/cli/bin/ng.js', 'build')
    if (/warning/i.test(output) || !output.includes('bundle generation complete')) throw new Error(output)
  })
}
