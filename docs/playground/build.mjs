// Writes the playground into a folder, as static files: `node docs/playground/build.mjs FOLDER`.
import { copyFileSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { build } from 'esbuild'

const here = import.meta.dirname
const root = join(here, '../..')
const folder = process.argv[2]
if (folder === undefined) throw new Error('name the folder to write to: node docs/playground/build.mjs FOLDER')

const source = path => join(root, 'src', path)
/** What a program may import of the library, and its sources. */
const library = {
  'rx-discovery': source('index.ts'),
  ...Object.fromEntries(['board', 'browser', 'formats', 'memory', 'testing'].map(edge => [`rx-discovery/${edge}`, source(`edge/${edge}/index.ts`)])),
}
const imports = Object.keys(library).filter(name => name !== 'rx-discovery/browser')

const common = {
  absWorkingDir: root,
  bundle: true,
  minify: true,
  platform: 'browser',
  format: 'esm',
  target: 'es2022',
  legalComments: 'none',
  logLevel: 'warning',
  alias: { ...library, '#internal': source('') },
}
/** A build whose entry is a text. */
const module = (contents, options) => build({ ...common, ...options, stdin: { contents, resolveDir: here, loader: 'ts' } })
const at = name => join(folder, name)

mkdirSync(folder, { recursive: true })

/** The names that each import of the library has. */
const namesOf = async name => {
  const { metafile } = await module(`export * from '${name}'`, { external: ['rxjs'], write: false, metafile: true })
  return Object.values(metafile.outputs).flatMap(({ exports }) => exports)
}
const libraryNames = Object.fromEntries(await Promise.all(imports.map(async name => [name, await namesOf(name)])))
const exampleFiles = readdirSync(join(here, 'examples'))
  .sort()
  .map(file => ({ name: file.replace(/^\d+-|\.ts$/g, ''), code: readFileSync(join(here, 'examples', file), 'utf8') }))

const [, , , , boot] = await Promise.all([
  module(`export * from 'rxjs'; export * from 'rxjs/testing'`, { outfile: at('rxjs.js'), conditions: ['es2015'] }),
  module(imports.map(name => `export * from '${name}'`).join('\n'), { outfile: at('rx-discovery.js'), external: ['rxjs'] }),
  build({ ...common, alias: {}, entryPoints: [join(here, 'frame/playground.ts')], outfile: at('playground.js'), external: ['rxjs', 'rx-discovery'] }),
  build({ ...common, entryPoints: [join(here, 'page/page.ts')], outfile: at('page.js'), define: { exampleFiles: JSON.stringify(exampleFiles) } }),
  build({ ...common, format: 'iife', entryPoints: [join(here, 'frame/boot.ts')], write: false, define: { libraryNames: JSON.stringify(libraryNames) } }),
  build({ ...common, entryPoints: [join(here, 'page/page.css')], outfile: at('page.css') }),
])
copyFileSync(join(here, 'page/index.html'), at('index.html'))
// The script is part of the page: a frame without an origin has no files of its own.
const script = boot.outputFiles.map(({ text }) => text.replaceAll('</script', '<\\/script')).join('')
writeFileSync(at('frame.html'), readFileSync(join(here, 'frame/frame.html'), 'utf8').replace('/* boot.ts */', () => script))
