// Builds the package: ES modules into dist, CommonJS into dist/cjs, and for each subpath a wrapper in dist/node that re-exports the CommonJS copy,
// so that `import` and `require` share one copy of the code on every version of Node.
import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'

const root = join(import.meta.dirname, '..')
const path = name => join(root, name)
const compile = project => execFileSync(process.execPath, [path('node_modules/typescript-7/bin/tsc'), '-p', path(project)], { stdio: 'inherit' })

rmSync(path('dist'), { recursive: true, force: true })
compile('src')
compile('src/tsconfig.cjs.json')

const { name, exports } = JSON.parse(readFileSync(path('package.json'), 'utf8'))
// The nearest package.json decides what the package's own names mean, so the CommonJS copy needs them as well.
const own = Object.entries(exports).filter(([, target]) => target.require !== undefined || target.node !== undefined)
const cjs = target => (target.require ?? target.node.require).default.replace('./dist/cjs/', './')
const scope = { name, type: 'commonjs', exports: Object.fromEntries(own.map(([subpath, target]) => [subpath, cjs(target)])), imports: { '#internal/*': './*.js' } }
writeFileSync(path('dist/cjs/package.json'), `${JSON.stringify(scope)}\n`)
for (const { node } of Object.values(exports).filter(target => target.node !== undefined)) {
  const wrapper = path(node.import.default)
  mkdirSync(dirname(wrapper), { recursive: true })
  writeFileSync(wrapper, `export * from './${relative(dirname(wrapper), path(node.require.default))}'\n`)
}
