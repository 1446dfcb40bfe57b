import type { IncomingMessage, ServerResponse } from 'node:http'
import { resolve } from 'node:path'
import axe from 'axe-core'
import { build } from 'esbuild'
import type { ReadableRegistry } from 'rx-discovery'
import { sseHandler } from '../../../src/edge/sse/index.js'
import { bridgeServer, type BridgeServer } from '../sse/bridge-server.js'

/** The names of the package and its `imports`, as the sources that they stand for. */
const alias = {
  ...Object.fromEntries([['rx-discovery', 'index.ts'], ...['board', 'browser', 'memory'].map(edge => [`rx-discovery/${edge}`, `edge/${edge}/index.ts`])].map(([name = '', path = '']) => [name, resolve('src', path)])),
  '#internal': resolve('src'),
}

/** The board in one file, as the package has it. */
export const boardScript = async (): Promise<string> => {
  const { outputFiles } = await build({
    entryPoints: ['src/edge/board/index.ts'],
    bundle: true,
    minify: true,
    platform: 'browser',
    format: 'esm',
    target: 'es2022',
    write: false,
    logLevel: 'silent',
    alias,
  })
  return outputFiles.map(({ text }) => text).join('')
}

export const axeScript = (): string => axe.source

const page = (attributes: string): string => `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Board</title><meta name="viewport" content="width=device-width, initial-scale=1">
<style>html,body{margin:0;height:100%}h1{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}main{min-height:100%;display:flex}rx-discovery-board{flex:1;min-width:0}</style>
<script type="module" src="/board.js"></script></head><body><main><h1>Board</h1><rx-discovery-board url="/discovery" ${attributes}></rx-discovery-board></main></body></html>`

/** A server of a page with a board, and of the bridge that it reads. */
export const boardServer = async (
  registry: ReadableRegistry,
  script: string,
  { attributes = 'link heading="Demo fleet"', more }: { readonly attributes?: string; readonly more?: (request: IncomingMessage, response: ServerResponse) => boolean } = {},
): Promise<BridgeServer> => {
  const handler = sseHandler(registry, { services: 'all', heartbeat: 1_000, project: instance => instance })
  const server = await bridgeServer((request, response) => {
    if (more?.(request, response) === true) return
    if (request.url?.startsWith('/discovery') === true) handler(request, response)
    else if (request.url === '/board.js') response.setHeader('content-type', 'text/javascript').end(script)
    else response.setHeader('content-type', 'text/html').end(page(attributes))
  })
  return {
    ...server,
    close: async () => {
      handler.close()
      await server.close()
    },
  }
}
