import { execFile } from 'node:child_process'
import { cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { build as bundle, type BuildOptions } from 'esbuild'
import { ownSources } from '../../test/edge/own-sources.js'

/** The programs and the page of the demo, built from the sources of this project. */
export interface Built {
  /** Programs for Node, which import their packages. */
  readonly gateway: string
  readonly service: string
  /** A folder with `index.html` and what it loads. */
  readonly page: string
  readonly remove: () => Promise<void>
}

const common: BuildOptions = { bundle: true, format: 'esm', target: 'es2022', plugins: [ownSources], logLevel: 'warning' }

/** Compiles the dashboard as Angular's command line does: templates and their types are checked, and become code. */
const compile = (outDir: string): Promise<unknown> =>
  promisify(execFile)(process.execPath, ['node_modules/@angular/compiler-cli/bundles/src/bin/ngc.js', '-p', 'examples/dashboard', '--outDir', outDir]).catch((error: unknown) => {
    throw new Error(`the dashboard does not compile:\n${(error as { readonly stderr: string }).stderr}`)
  })

const buildPage = async (folder: string, page: string): Promise<void> => {
  const compiled = join(folder, 'compiled')
  await compile(resolve(compiled))
  // Angular's own packages still have to be linked, which its compiler does in the browser; Angular's command line does it in the build.
  const stdin = { contents: "import '@angular/compiler'\nimport './compiled/examples/dashboard/main.js'", resolveDir: folder }
  await bundle({ ...common, stdin, outdir: page, entryNames: 'main', splitting: true, minify: true, define: { ngDevMode: 'false' } })
  for (const file of ['index.html', 'styles.css']) await cp(`examples/dashboard/${file}`, join(page, file))
}

const buildPrograms = async (folder: string): Promise<void> => {
  const entryPoints = { gateway: 'examples/gateway/main.ts', service: 'examples/demo-web/service.ts' }
  await bundle({ ...common, entryPoints, outdir: folder, platform: 'node', packages: 'external', outExtension: { '.js': '.mjs' }, sourcemap: 'inline' })
}

/** Builds the gateway, the service and, unless its folder is given, the page, into a folder of their own. */
export const build = async (builtPage?: string): Promise<Built> => {
  // Inside node_modules, so that imports are resolved.
  await mkdir('node_modules/.cache', { recursive: true })
  const folder = await mkdtemp('node_modules/.cache/demo-web-')
  const remove = (): Promise<void> => rm(folder, { recursive: true, force: true })
  const page = builtPage ?? join(folder, 'page')
  try {
    // Not that of this project, by which no file would have side effects.
    await writeFile(join(folder, 'package.json'), '{}')
    await Promise.all([buildPrograms(folder), builtPage === undefined && buildPage(folder, page)])
  } catch (error) {
    await remove()
    throw error
  }
  return { gateway: resolve(folder, 'gateway.mjs'), service: resolve(folder, 'service.mjs'), page: resolve(page), remove }
}
