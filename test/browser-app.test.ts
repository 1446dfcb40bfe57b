import { spawn, type ChildProcess } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { runInNewContext } from 'node:vm'
import { build } from 'esbuild'
import { afterEach, expect, it, vi } from 'vitest'
import { freePort } from './etcd/provision-binary.js'

const alias = Object.fromEntries([['rx-discovery', 'index.ts'], ...['browser', 'etcd', 'sse'].map(edge => [`rx-discovery/${edge}`, `edge/${edge}/index.ts`])].map(([name = '', path = '']) => [name, resolve('src', path)]))
/** The code block of the page that begins with this comment. */
const block = (name: string): string => new RegExp(`^\`\`\`ts\\n(// ${name}\\n[^]*?)^\`\`\``, 'm').exec(readFileSync('docs/browser.md', 'utf8'))?.[1] ?? ''

let folder: string | undefined
let gateway: ChildProcess | undefined
afterEach(() => {
  gateway?.kill('SIGKILL')
  if (folder !== undefined) rmSync(folder, { recursive: true })
})

it('the app of docs/browser.md builds, serves its page and shows what the gateway reports', async () => {
  folder = mkdtempSync(join(tmpdir(), 'browser-app-'))
  const dir = folder
  for (const name of ['gateway.ts', 'page.ts']) writeFileSync(join(dir, name), block(name))
  await build({ entryPoints: [join(dir, 'page.ts')], bundle: true, outfile: join(dir, 'page.js'), alias, logLevel: 'silent', nodePaths: [resolve('node_modules')] })
  await build({ entryPoints: [join(dir, 'gateway.ts')], bundle: true, platform: 'node', format: 'cjs', outfile: join(dir, 'gateway.cjs'), alias, external: ['etcd3', '@grpc/grpc-js'], logLevel: 'silent', nodePaths: [resolve('node_modules')] })
  const port = await freePort()
  // No etcd listens there: the page has to show that.
  const unused = await freePort()
  const env = { ...process.env, PORT: String(port), ETCD_ENDPOINTS: `http://127.0.0.1:${unused}`, NODE_PATH: resolve('node_modules') }
  gateway = spawn(process.execPath, ['gateway.cjs'], { cwd: dir, env, stdio: 'ignore' })
  const url = `http://127.0.0.1:${port}/`
  await vi.waitFor(async () => expect(await (await fetch(url)).text()).toContain('/page.js'), { timeout: 20_000 })
  expect(await (await fetch(`${url}page.js`)).text()).toBe(readFileSync(join(dir, 'page.js'), 'utf8'))

  const shown: Record<string, string> = {}
  const element = (name: string) => ({ replaceChildren: (...children: (string | { textContent: string })[]) => (shown[name] = children.map(child => (typeof child === 'string' ? child : child.textContent)).join()) })
  const page = { document: { querySelector: element, createElement: () => ({}) }, location: { href: url } }
  const globals = { fetch, URL, Headers, AbortController, TextDecoder, TextEncoder, performance, queueMicrotask, setTimeout, clearTimeout, setInterval, clearInterval, console }
  runInNewContext(readFileSync(join(dir, 'page.js'), 'utf8'), { ...globals, ...page })
  await vi.waitFor(() => expect(shown['p']).toMatch(/^pending since /), { timeout: 20_000 })
}, 60_000)
