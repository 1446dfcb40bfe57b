import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { buildSync } from 'esbuild'
import { expect, it } from 'vitest'
import { own } from './own.js'
import { spawned, type Program } from './program.js'
import { etcdServer } from './server.js'

const page = readFileSync('docs/getting-started.md', 'utf8')
/** The programs of the page by name. */
const programs = [...page.matchAll(/^```js\n\/\/ (\S+)\n([^]*?)^```/gm)].map(([, name = '', code = '']) => ({ name, code }))
/** The lines that the page shows as output, block by block. */
const shown = [...page.matchAll(/^```text\n([^]*?)\n```/gm)].map(([, text = '']) => text.split('\n'))
const alias = Object.fromEntries([['rx-discovery', 'index.ts'], ...['etcd', 'node'].map(edge => [`rx-discovery/${edge}`, `edge/${edge}/index.ts`])].map(([name = '', path = '']) => [name, resolve('src', path)]))

it('docs/getting-started.md: its programs print what the page shows, through an outage of etcd', async () => {
  const etcd = own(await etcdServer(), server => server.close())
  mkdirSync('node_modules/.cache', { recursive: true })
  const folder = own(mkdtempSync('node_modules/.cache/getting-started-'), dir => rmSync(dir, { recursive: true }))
  for (const { name, code } of programs) writeFileSync(join(folder, name), code.replaceAll('http://127.0.0.1:2379', etcd.endpoint))
  const node = (name: string, ...args: readonly string[]): Program => {
    const outfile = resolve(folder, `${name}.bundle.mjs`)
    buildSync({ entryPoints: [join(folder, name)], outfile, alias, bundle: true, platform: 'node', format: 'esm', packages: 'external', logLevel: 'warning' })
    return own(spawned(name, [process.execPath, outfile, ...args]), it => it.signal('SIGKILL'))
  }
  const lines = async (program: Program, count: number): Promise<readonly string[]> => {
    const read: string[] = []
    while (read.length < count) read.push(await program.line())
    return read
  }
  const [first = [], joined = [], answers = [], away = [], back = [], left = []] = shown
  expect([programs.map(({ name }) => name), shown.length]).toEqual([['watch.mjs', 'server.mjs', 'call.mjs'], 6])

  const watch = node('watch.mjs')
  expect(await lines(watch, 2)).toEqual(first)
  const node1 = node('server.mjs', 'node1')
  expect(await lines(node1, 2)).toEqual(['registering', 'registered'])
  const node2 = node('server.mjs', 'node2')
  expect(await lines(watch, 2)).toEqual(joined)
  expect([...(await node('call.mjs').rest())].sort()).toEqual([...answers].sort())
  await etcd.terminate()
  expect(await lines(watch, 1)).toEqual(away)
  await etcd.start()
  expect(await lines(watch, 1)).toEqual(back)
  node1.signal('SIGINT')
  expect(await lines(watch, 2)).toEqual(left)
  expect(await node1.rest()).toEqual(['draining', 'revoked'])
  node2.signal('SIGINT')
}, 120_000)
