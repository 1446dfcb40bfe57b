// Builds the site into `dist`, or serves it with `node build.mjs dev`. DOCS_BASE: the path under which it is served, by default `/`.
import { execFileSync } from 'node:child_process'
import { existsSync, rmSync, watch } from 'node:fs'
import { join } from 'node:path'
import { build, createServer } from 'vitepress'
import { content, root } from './paths.mjs'
import { writeReference } from './reference.mjs'
import { stage } from './stage.mjs'

const docs = join(root, 'docs')
if (!existsSync(join(root, 'dist/index.d.ts'))) throw new Error('the start page runs the built package, which is missing (npm run build)')

rmSync(content, { recursive: true, force: true })
stage()
await writeReference()

if (process.argv[2] === 'dev') {
  const server = await createServer(docs)
  await server.listen()
  server.printUrls()
  for (const folder of [root, docs]) watch(folder, (_, file) => file?.endsWith('.md') && stage())
} else {
  await build(docs)
  const playground = join(docs, 'playground/build.mjs')
  if (existsSync(playground)) execFileSync(process.execPath, [playground, join(import.meta.dirname, 'dist/playground')], { stdio: 'inherit' })
}
