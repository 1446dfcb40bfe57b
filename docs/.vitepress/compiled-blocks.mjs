// Every block of TypeScript on a page is compiled, and shows its types to readers who point at a name. A block that leaves out what its page has explained is compiled with the
// hidden code of `hidden-code.mjs`; a block that begins with a file name, such as `// app.ts`, with the other files of its page. An error fails the build.
import ts from 'typescript'
import { hiddenCode } from './hidden-code.mjs'
import { root } from './paths.mjs'

export const twoslashOptions = {
  vfsRoot: root,
  compilerOptions: {
    target: ts.ScriptTarget.ES2022,
    lib: ['es2022', 'dom', 'dom.iterable'],
    module: ts.ModuleKind.ESNext,
    moduleResolution: ts.ModuleResolutionKind.Bundler,
    strict: true,
    exactOptionalPropertyTypes: true,
    noUncheckedIndexedAccess: true,
    experimentalDecorators: true,
    skipLibCheck: true,
    types: ['node'],
  },
}

const isCompiled = ({ type, info }) => type === 'fence' && /^(ts|js)$/.test(info.trim())
const nameOf = ({ content }) => /^\/\/ ([\w.-]+\.m?[tj]s)\n/.exec(content)?.[1]
const fileNamed = (name, code) => `// @filename: ${name.replace(/\.m?js$/, '.ts')}\n${code}`
const used = new Set()

/** A rule of markdown-it that marks the blocks for twoslash. The pages that are generated have code that is not meant to be compiled. */
export const compiledBlocks = md =>
  md.core.ruler.push('compiled-blocks', ({ tokens, env }) => {
    const page = env.relativePath ?? ''
    if (env.plain === true || /^(reference|source)\//.test(page)) return
    const blocks = tokens.filter(isCompiled).map(token => ({ token, name: nameOf(token), code: token.content }))
    for (const { token, name, code } of blocks) {
      const hidden = hiddenCode.find(each => each.page === page && code.startsWith(each.block))
      if (hidden !== undefined) used.add(hidden)
      const others = name === undefined ? [] : blocks.filter(other => other.name !== undefined && other.name !== name).map(other => fileNamed(other.name, other.code))
      const before = [...others, ...(others.length > 0 ? [fileNamed(name, '')] : []), ...(hidden?.before === undefined ? [] : [hidden.before])]
      token.info = 'ts twoslash'
      token.content = [...before, ...(before.length > 0 ? ['// ---cut---\n'] : []), code, ...(hidden?.after === undefined ? [] : [`// ---cut-after---\n${hidden.after}`])].map(part => (part.endsWith('\n') ? part : `${part}\n`)).join('')
    }
  })

/** Hidden code whose block is on no page. */
export const unusedHiddenCode = () => hiddenCode.filter(each => !used.has(each)).map(({ page, block }) => `${page}: ${block}`)
