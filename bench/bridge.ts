import { createServer, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { memoryRegistry, type MemoryRegistry } from '../src/edge/memory/index.js'
import { sseHandler } from '../src/edge/sse/index.js'
import { program } from '../test/etcd/program.js'
import { cpu } from './etcd/commands.js'
import { bound } from './ratios.js'
import { mebibytes, milliseconds, table } from './results-table.js'

const clients = 1_000
const perSecond = 100
const seconds = 5

interface Measured {
  readonly p50: number
  readonly p99: number
  /** How many changes a second were served. */
  readonly rate: number
  /** CPU time of the server, ms per s. */
  readonly cpu: number
  /** By how much the heap and its buffers have grown, bytes. */
  readonly memory: number
}

const now = (): number => performance.timeOrigin + performance.now()
const memory = (): number => {
  globalThis.gc?.()
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}

/** Serves `clients` from a server in this process, and writes one service: each change when it is due, however late the ones before were, and as old as it then is. */
const measured = async (registry: MemoryRegistry, handle: (response: ServerResponse, request: Parameters<ReturnType<typeof sseHandler>>[0]) => void): Promise<Measured> => {
  const server: Server = createServer((request, response) => handle(response, request))
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', 4_096, resolve))
  const reader = program('bench/bridge-clients.program.ts', [`http://127.0.0.1:${(server.address() as AddressInfo).port}/`, String(clients)])
  const ask = async () => {
    reader.write('now')
    return JSON.parse(await reader.line()) as { readonly open: number; readonly received: number; readonly p50: number; readonly p99: number }
  }
  const all = perSecond * seconds
  try {
    while ((await ask()).open < clients) await sleep(100)
    await sleep(500)
    const [cpuBefore, memoryBefore, began] = [cpu(), memory(), now()]
    for (let at = 0; at < all; ) {
      for (; at < all && began + (at * 1_000) / perSecond <= now(); at += 1)
        registry.write(`/rx-discovery/web/node${at % 10}`, JSON.stringify({ v: 1, address: 'a:80', zone: 'europe-west', version: (began + (at * 1_000) / perSecond).toFixed(3) }))
      await sleep(Math.max(0, began + (at * 1_000) / perSecond - now()))
    }
    const took = (now() - began) / 1_000
    const [used, grown] = [(cpu() - cpuBefore) / took, memory() - memoryBefore]
    await sleep(1_000)
    const { received, p50, p99 } = await ask()
    if (received < clients * all) throw new Error(`only ${received} of ${clients * all} changes arrived`)
    return { p50, p99, rate: all / took, cpu: used, memory: grown }
  } finally {
    reader.signal('SIGKILL')
    server.closeAllConnections()
    server.close()
  }
}

const ours = (): Promise<Measured> => {
  const registry = memoryRegistry()
  const handler = sseHandler(registry, { services: ['web'], maxClients: clients })
  return measured(registry, (response, request) => handler(request, response)).finally(handler.close)
}

/** The alternative: one `JSON.stringify` for each client and change. */
const simple = (): Promise<Measured> => {
  const registry = memoryRegistry()
  return measured(registry, response => {
    response.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders()
    const watch = registry.watch('/rx-discovery/web/', registry.revision()).subscribe(batch => {
      for (const change of batch.changes) response.write(`id: ${change.revision}\ndata: ${JSON.stringify(change)}\n\n`)
    })
    response.on('close', () => watch.unsubscribe())
  })
}

/** The bridge with many clients. */
export const measureBridge = async (): Promise<void> => {
  const [bridge, other] = [await ours(), await simple()]
  table(`A bridge: ${clients.toLocaleString('en')} clients of one service, ${perSecond} changes a second`, [
    ['', 'sseHandler', 'JSON.stringify for each'],
    ['change → client, p50', milliseconds(bridge.p50), milliseconds(other.p50)],
    ['change → client, p99', milliseconds(bridge.p99), milliseconds(other.p99)],
    ['CPU of the server, ms per s', bridge.cpu.toFixed(0), other.cpu.toFixed(0)],
    ['growth of the memory', mebibytes(bridge.memory), mebibytes(other.memory)],
    ['changes a second that it could serve', bridge.rate.toFixed(0), other.rate.toFixed(0)],
  ])
  bound({ what: `bridge: ${clients.toLocaleString('en')} clients, change → client, p99`, measured: [bridge.p99], unit: milliseconds, most: 100 })
}
