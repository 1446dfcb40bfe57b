import { execFileSync } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { expect, it } from 'vitest'
import { hiddenCode } from './hidden-code.js'

const folder = 'node_modules/.cache/blocks'
const pages = ['README.md', ...readdirSync('docs').filter(file => file.endsWith('.md')).map(file => join('docs', file))]

/** The blocks of TypeScript and JavaScript of a page; a block that begins with a file name, such as `// app.ts`, is called so. */
const blocksOf = (page: string): readonly { readonly name: string; readonly code: string }[] =>
  Array.from(readFileSync(page, 'utf8').matchAll(/^( *)```(?:ts|js)\n([^]*?)^\1```$/gm), ([, indent = '', text = ''], index) => {
    const code = text.replaceAll(new RegExp(`^${indent}`, 'gm'), '')
    return { name: /^\/\/ ([\w.-]+)\.m?[tj]s\n/.exec(code)?.[1] ?? `block-${index}`, code }
  })

it('the blocks of code on the pages compile', () => {
  rmSync(folder, { recursive: true, force: true })
  const used = new Set<unknown>()
  for (const page of pages) {
    const target = join(folder, page.replace(/\.md$/, ''))
    mkdirSync(target, { recursive: true })
    for (const { name, code } of blocksOf(page)) {
      const hidden = hiddenCode.find(each => each.page === page && code.startsWith(each.block))
      used.add(hidden)
      writeFileSync(join(target, `${name}.ts`), `${hidden?.before ?? ''}${code}${hidden?.after ?? ''}`)
    }
  }
  expect(hiddenCode.filter(each => !used.has(each)).map(({ page, block }) => `${page}: ${block}`)).toEqual([])

  const { compilerOptions } = JSON.parse(readFileSync('tsconfig.json', 'utf8')) as { compilerOptions: { paths: Record<string, readonly string[]> } }
  const paths = Object.fromEntries(Object.entries(compilerOptions.paths).map(([from, to]) => [from, to.map(path => resolve(path))]))
  const options = { strict: true, exactOptionalPropertyTypes: true, noUncheckedIndexedAccess: true, experimentalDecorators: true, skipLibCheck: true, moduleDetection: 'force', noEmit: true }
  const target = { target: 'es2022', lib: ['es2022', 'dom', 'dom.iterable'], module: 'esnext', moduleResolution: 'bundler', types: ['node'], paths }
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions: { ...options, ...target }, include: ['**/*.ts'], exclude: [] }))
  execFileSync(process.execPath, ['node_modules/typescript-7/bin/tsc', '-p', folder], { encoding: 'utf8', stdio: ['ignore', 'inherit', 'inherit'] })
}, 300_000)
