// Builds the playground and serves it on the loopback: `npm run playground`.
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { extname, join } from 'node:path'

const folder = mkdtempSync(join(tmpdir(), 'playground-'))
process.on('exit', () => rmSync(folder, { recursive: true, force: true }))
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit())
execFileSync(process.execPath, [join(import.meta.dirname, 'build.mjs'), folder], { stdio: 'inherit' })

const types = { '.html': 'text/html', '.js': 'text/javascript', '.css': 'text/css' }
const server = createServer(({ url }, response) => {
  const name = /^\/playground\/([\w.-]*)(?:\?|$)/.exec(url ?? '')?.[1]
  if (name === undefined) return response.writeHead(302, { location: '/playground/' }).end()
  try {
    const file = name || 'index.html'
    response.setHeader('content-type', `${types[extname(file)] ?? 'application/octet-stream'}; charset=utf-8`).end(readFileSync(join(folder, file)))
  } catch {
    response.writeHead(404).end('not found')
  }
})
server.listen(Number(process.env.PORT ?? 0), '127.0.0.1', () => console.log(`playground at http://127.0.0.1:${server.address().port}/playground/`))
