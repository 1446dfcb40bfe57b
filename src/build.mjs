// Builds the package: ES modules into dist, CommonJS into dist/cjs, and for each subpath a wrapper in dist/node that re-exports the CommonJS copy,
// so that `import` and `require` share one copy of the code on every version of Node; and the board with all that it needs in one file, for pages without a bundler.
import { execFileSync } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { build } from 'esbuild'

const root = join(import.meta.dirname, '..')
const path = name => join(root, name)
const compile = project => execFileSync(process.execPath, [path('node_modules/typescript-7/bin/tsc'), '-p', path(project)], { stdio: 'inherit' })

rmSync(path('dist'), { recursive: true, force: true })
compile('src')
compile('src/tsconfig.cjs.json')
writeFileSync(path('dist/cjs/package.json'), '{ "type": "commonjs" }\n')

const { name, exports } = JSON.parse(readFileSync(path('package.json'), 'utf8'))

// Within dist/cjs the package has no name, so its CommonJS files import each other by paths where the sources use the names of the package.
const own = new RegExp(`(\\bfrom |\\brequire\\(|\\bimport\\()(['"])(${name}(?:/\\w+)?|#internal/[\\w/-]+)\\2`, 'g')
const fileOf = imported => (imported.startsWith('#') ? `dist/cjs/${imported.replace('#internal/', '')}` : exports[imported.replace(name, '.')].node.require.default.replace(/\.js$/, ''))
for (const file of readdirSync(path('dist/cjs'), { recursive: true }).filter(file => /\.(js|d\.ts)$/.test(file))) {
  const at = path(join('dist/cjs', file))
  const text = readFileSync(at, 'utf8')
  const linked = text.replace(own, (_, before, quote, imported) => `${before}${quote}./${relative(dirname(at), path(fileOf(imported)))}.js${quote}`)
  if (linked !== text) writeFileSync(at, linked)
}

for (const { node } of Object.values(exports).filter(target => target.node !== undefined)) {
  const wrapper = path(node.import.default)
  mkdirSync(dirname(wrapper), { recursive: true })
  writeFileSync(wrapper, `export * from './${relative(dirname(wrapper), path(node.require.default))}'\n`)
}

// Browsers need no white space in style sheets.
for (const file of readdirSync(path('dist/edge/board')).filter(file => file.endsWith('-styles.js'))) {
  const styles = path(join('dist/edge/board', file))
  writeFileSync(styles, readFileSync(styles, 'utf8').replace(/css ?`[^`]*`/, sheet => sheet.replace(/\n\s*/g, '').replaceAll(': ', ':').replaceAll(' {', '{').replaceAll(';}', '}')))
}

await build({
  entryPoints: [path('dist/edge/board/index.js')],
  outfile: path('dist/board.js'),
  bundle: true,
  minify: true,
  platform: 'browser',
  format: 'esm',
  target: 'es2022',
  legalComments: 'none',
  alias: { [name]: path('dist/index.js'), [`${name}/browser`]: path('dist/edge/browser/index.js'), '#internal': path('dist') },
})
