import { execFile } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { build, type BuildOptions } from 'esbuild'
import { ownSources } from '../own-sources.js'

/**
 * The app of docs/angular.md: checks its types and bundles it with the sources of this project, the page for browsers (`main.js`; with zone.js: `main-zone.js`) and the
 * gateway for Node.
 */
export const docsApp = async (): Promise<{ readonly folder: string; readonly remove: () => void }> => {
  // Inside node_modules, so that imports are resolved.
  mkdirSync('node_modules/.cache', { recursive: true })
  const folder = mkdtempSync('node_modules/.cache/angular-docs-')
  mkdirSync(join(folder, 'zone'))
  for (const [, name = '', code = ''] of readFileSync('docs/angular.md', 'utf8').matchAll(/```ts\n\/\/ ([\w.]+)\.ts\n([^]*?)```/g)) {
    writeFileSync(join(folder, `${name}.ts`), code)
    writeFileSync(join(folder, 'zone', `${name}.ts`), code.replaceAll('provideZonelessChangeDetection', 'provideZoneChangeDetection'))
  }
  // Not that of this project, by which no file would have side effects.
  writeFileSync(join(folder, 'package.json'), '{}')
  const compilerOptions = { module: 'esnext', moduleResolution: 'bundler', experimentalDecorators: true, erasableSyntaxOnly: false, useDefineForClassFields: false }
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ extends: resolve('tsconfig.json'), compilerOptions, include: ['**/*.ts'] }))
  await promisify(execFile)(process.execPath, ['node_modules/typescript-7/bin/tsc', '-p', folder]).catch((error: unknown) => {
    throw new Error((error as { readonly stdout: string }).stdout)
  })
  // Angular's command line compiles an app, and sets ngServerMode in the bundle of a server.
  const entry = (name: string, first = '') => ({ contents: `${first}import '@angular/compiler'\nexport * from './${name}'`, resolveDir: folder, loader: 'ts' as const })
  const common: BuildOptions = { bundle: true, format: 'esm', target: 'es2022', tsconfig: join(folder, 'tsconfig.json'), plugins: [ownSources], logLevel: 'error' }
  await build({ ...common, stdin: entry('main'), outfile: join(folder, 'main.js') })
  await build({ ...common, stdin: entry('zone/main', "import 'zone.js'\n"), outfile: join(folder, 'main-zone.js') })
  await build({ ...common, stdin: entry('gateway'), outfile: join(folder, 'gateway.mjs'), platform: 'node', packages: 'external', banner: { js: 'globalThis.ngServerMode = true' } })
  return { folder, remove: () => rmSync(folder, { recursive: true, force: true }) }
}
