import { execFileSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { extname, join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { bridgeServer } from '../edge/sse/bridge-server.js'

/** The playground, built and served on the loopback as a simple static server does, without headers of its own. */
export interface PlaygroundServer {
  readonly url: string
  /** The paths that were asked for. */
  readonly asked: () => readonly string[]
  /** The bytes of each file, compressed. */
  readonly sizes: ReadonlyMap<string, number>
  readonly close: () => Promise<void>
}

const types: Readonly<Record<string, string>> = { '.html': 'text/html', '.js': 'text/javascript', '.css': 'text/css' }

export const playgroundServer = async (): Promise<PlaygroundServer> => {
  const folder = mkdtempSync(join(tmpdir(), 'playground-test-'))
  execFileSync(process.execPath, ['docs/playground/build.mjs', folder])
  const files = new Map(readdirSync(folder).map(name => [name, readFileSync(join(folder, name))]))
  rmSync(folder, { recursive: true })
  const server = await bridgeServer((request, response) => {
    const name = new URL(request.url ?? '', 'http://localhost').pathname.replace('/playground/', '')
    const file = files.get(name === '' ? 'index.html' : name)
    if (file === undefined) response.writeHead(404).end()
    else response.setHeader('content-type', `${types[extname(name === '' ? 'index.html' : name)] ?? ''}; charset=utf-8`).end(file)
  })
  return {
    url: new URL('/playground/', server.url).href,
    asked: () => server.asked.map(({ url }) => url.pathname + url.search),
    sizes: new Map([...files].map(([name, file]) => [name, gzipSync(file).length])),
    close: server.close,
  }
}
