import { execFile } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { build } from 'esbuild'
import { ownSources } from '../own-sources.js'

/** The app of docs/nest.md: checks its types and bundles it with the sources of this project. Returns the path of each file by its name, without `.ts`. */
export const docsApp = async (): Promise<{ readonly files: Readonly<Record<string, string>>; readonly remove: () => void }> => {
  // Inside node_modules, so that imports are resolved.
  mkdirSync('node_modules/.cache', { recursive: true })
  const folder = mkdtempSync('node_modules/.cache/nest-docs-')
  const blocks = [...readFileSync('docs/nest.md', 'utf8').matchAll(/```ts\n\/\/ ([\w.]+)\.ts\n([^]*?)```/g)]
  for (const [, name = '', code = ''] of blocks) writeFileSync(join(folder, `${name}.ts`), code)
  const tsconfig = {
    extends: resolve('tsconfig.json'),
    compilerOptions: { experimentalDecorators: true, emitDecoratorMetadata: true, erasableSyntaxOnly: false, verbatimModuleSyntax: false, isolatedModules: false },
    include: ['*.ts'],
  }
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(tsconfig))
  await promisify(execFile)(process.execPath, ['node_modules/typescript-7/bin/tsc', '-p', folder]).catch((error: unknown) => {
    throw new Error((error as { readonly stdout: string }).stdout)
  })
  await build({
    entryPoints: blocks.map(([, name = '']) => join(folder, `${name}.ts`)),
    outdir: folder,
    tsconfig: join(folder, 'tsconfig.json'),
    plugins: [ownSources],
    ...{ bundle: true, packages: 'external', platform: 'node', format: 'esm', target: 'node20', outExtension: { '.js': '.mjs' }, logLevel: 'warning' },
  })
  return { files: Object.fromEntries(blocks.map(([, name = '']) => [name, resolve(folder, `${name}.mjs`)])), remove: () => rmSync(folder, { recursive: true, force: true }) }
}
