import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { basename, dirname, join, relative } from 'node:path'
import { hiddenCode } from './hidden-code.js'

const root = join(import.meta.dirname, '../..')
const read = (file: string): string => readFileSync(join(root, file), 'utf8')

/** A block of TypeScript or JavaScript on a page. */
export interface Block {
  /** From the root of the repository. */
  readonly page: string
  readonly code: string
  /** The file that it was written to, with its hidden parts. */
  readonly file: string
  /** Where `code` begins in `file`. */
  readonly start: number
}

const pages = (): readonly (readonly [page: string, text: string])[] => [
  // The start page shows a whole example, which `stage.mjs` puts there, too.
  ['docs/.vitepress/home.md', read('docs/.vitepress/home.md').replace('<!-- quick-start -->', () => read('examples/quick-start.ts').trimEnd())],
  ...['README.md', ...readdirSync(join(root, 'docs')).filter(file => file.endsWith('.md')).map(file => `docs/${file}`)].map(page => [page, read(page)] as const),
]

/** A block that begins with a file name, such as `// app.ts`, is called so. */
const blocksOf = (text: string): readonly { readonly name: string; readonly code: string }[] =>
  Array.from(text.matchAll(/^( *)```(ts|js)\n([^]*?)^\1```$/gm), ([, indent = '', language = '', block = ''], index) => {
    const code = block.replaceAll(new RegExp(`^${indent}`, 'gm'), '')
    return { name: `${/^\/\/ ([\w.-]+)\.m?[tj]s\n/.exec(code)?.[1] ?? `block-${index}`}.${language}`, code }
  })

/**
 * Writes the blocks of all pages into files below `folder`, with a `tsconfig.json`. The blocks of one page that begin with a file name can import each other.
 * The types of the package are those of the sources. Throws if a hidden part belongs to no block, or if two blocks of a page have the
 * same file name.
 */
export const writeBlocks = (folder: string): readonly Block[] => {
  rmSync(folder, { recursive: true, force: true })
  const used = new Set<unknown>()
  const blocks = pages().flatMap(([page, text]) =>
    blocksOf(text).map(({ name, code }) => {
      const hidden = hiddenCode.find(each => each.page === page && code.startsWith(each.block))
      used.add(hidden)
      const { before = '' } = hidden ?? {}
      const file = join(folder, page.replace(/\.md$/, ''), name)
      mkdirSync(dirname(file), { recursive: true })
      writeFileSync(file, `${before}${code}`)
      return { page, code, file, start: before.length }
    }),
  )
  const twice = blocks.find(({ file }, index) => blocks.findIndex(each => each.file === file) !== index)
  if (twice !== undefined) throw new Error(`${twice.page}: blocks must begin with different file names, got ${basename(twice.file)} twice`)
  const unused = hiddenCode.filter(each => !used.has(each)).map(({ page, block }) => `${page}: ${block}`)
  if (unused.length > 0) throw new Error(`hidden parts must belong to blocks, got none for ${unused.join(', ')} (see docs/.vitepress/hidden-code.ts)`)

  const { compilerOptions } = JSON.parse(read('tsconfig.json')) as { compilerOptions: { paths: Record<string, readonly string[]> } }
  const paths = Object.fromEntries(Object.entries(compilerOptions.paths).map(([from, to]) => [from, to.map(path => join(root, path))]))
  const options = { strict: true, exactOptionalPropertyTypes: true, noUncheckedIndexedAccess: true, experimentalDecorators: true, skipLibCheck: true, moduleDetection: 'force', allowJs: true, checkJs: true, noEmit: true }
  const target = { target: 'es2022', lib: ['es2022', 'dom', 'dom.iterable'], module: 'esnext', moduleResolution: 'bundler', types: ['node'], paths }
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions: { ...options, ...target }, files: blocks.map(({ file }) => relative(folder, file)) }))
  return blocks
}
