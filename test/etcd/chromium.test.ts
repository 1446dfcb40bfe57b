import { setTimeout as sleep } from 'node:timers/promises'
import { build } from 'esbuild'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { etcdRegistry } from 'rx-discovery/etcd'
import { sseHandler } from 'rx-discovery/sse'
import { bridgeServer, type BridgeServer } from '../edge/sse/bridge-server.js'
import { startChromium } from '../edge/browser/chromium.js'
import { own } from './own.js'
import { etcdServer, type EtcdServer } from './server.js'

let browser: Browser
let script: string
let etcd: EtcdServer
beforeAll(async () => {
  browser = await startChromium()
  const { outputFiles } = await build({
    entryPoints: ['test/edge/browser/page.program.ts'],
    bundle: true,
    platform: 'browser',
    format: 'iife',
    write: false,
    logLevel: 'silent',
    alias: { 'rx-discovery': './src/index.ts', 'rx-discovery/browser': './src/edge/browser/index.ts' },
  })
  script = outputFiles.map(({ text }) => text).join('')
  etcd = await etcdServer()
}, 600_000)
afterAll(async () => {
  await browser.close()
  await etcd.close()
})

/** A gateway that serves the page and the bridge. */
const gateway = async (port = 0): Promise<BridgeServer & { readonly clients: () => number }> => {
  const registry = own(etcdRegistry({ hosts: etcd.endpoint }), ({ close }) => close())
  const handler = own(sseHandler(registry, { services: ['web'], heartbeat: 1_000 }), ({ close }) => close())
  const server = own(
    await bridgeServer((request, response) => {
      if (request.url?.startsWith('/discovery') === true) handler(request, response)
      else if (request.url === '/page.js') response.setHeader('content-type', 'text/javascript').end(script)
      else response.setHeader('content-type', 'text/html').end('<!doctype html><meta charset="utf-8"><body></body><script src="/page.js"></script>')
    }, port),
    ({ close }) => close(),
  )
  return { ...server, clients: handler.clients }
}
const streamsOf = (server: BridgeServer): readonly (string | undefined)[] => server.streams().filter(({ url }) => url.pathname === '/discovery').map(({ lastEventId }) => lastEventId)
const pageOf = async (server: BridgeServer, query = ''): Promise<Page> => {
  const context = own(await browser.newContext(), each => each.close())
  const page = await context.newPage()
  await page.goto(`${new URL('/', server.url).href}${query}`)
  return page
}
const text = (page: Page): Promise<string> => page.evaluate(() => document.body.textContent)
const shows = (page: Page, expected: string, timeout = 10_000): Promise<void> => vi.waitFor(async () => expect(await text(page)).toBe(expected), { timeout, interval: 20 })
const key = (id: string): string => `/rx-discovery/web/${id}`
const put = (id: string, version = '1') => etcd.client().put(key(id)).value(JSON.stringify({ v: 1, address: 'a:80', version })).exec()

describe('a page in Chromium', () => {
  it('shows an instance within 1 s, and a killed one leaves after its TTL', async () => {
    await etcd.wipe()
    const page = await pageOf(await gateway())
    await shows(page, 'live')
    const lease = etcd.client().lease(2, { autoKeepAlive: false })
    await lease.put(key('a')).value('{"v":1,"address":"a:80","version":"1"}')
    const registered = Date.now()
    await shows(page, 'live a@1')
    const seen = await page.evaluate(() => (globalThis as unknown as { seen: { text: string; at: number }[] }).seen)
    expect((seen.find(each => each.text === 'live a@1')?.at ?? Infinity) - registered).toBeLessThan(1_000)
    await shows(page, 'live', 8_000)
    lease.release()
  })

  it('is stale with its age while etcd is away, and nothing vanishes', async () => {
    await etcd.wipe()
    await put('a')
    const page = await pageOf(await gateway())
    await shows(page, 'live a@1')
    await etcd.kill()
    const killed = Date.now()
    await shows(page, 'stale a@1')
    const since = Number(await page.evaluate(() => document.body.dataset['since']))
    expect(Math.abs(since - killed)).toBeLessThan(10_000)
    await sleep(500)
    await etcd.start()
    await shows(page, 'live a@1')
    const seen = await page.evaluate(() => (globalThis as unknown as { seen: { text: string }[] }).seen.map(each => each.text))
    expect(seen.slice(seen.indexOf('live a@1')).every(each => each.endsWith(' a@1'))).toBe(true)
  })

  it('resumes by Last-Event-ID after a restart of the gateway', async () => {
    await etcd.wipe()
    await put('a')
    const first = await gateway()
    const page = await pageOf(first)
    await shows(page, 'live a@1')
    await vi.waitFor(() => expect(streamsOf(first)).toHaveLength(1), { timeout: 10_000 })
    await first.close()
    await shows(page, 'stale a@1')
    await put('b')
    const second = await gateway(Number(new URL(first.url).port))
    await shows(page, 'live a@1 b@1')
    await vi.waitFor(() => expect(streamsOf(second).at(-1)).toMatch(/^\d+\.[\da-f]{16}$/), { timeout: 10_000 })
  })
})

describe('three tabs with `share`', () => {
  it('have one stream, also after the leader is closed', { timeout: 120_000 }, async () => {
    await etcd.wipe()
    await put('a')
    const server = await gateway()
    const context = own(await browser.newContext(), each => each.close())
    const open = async (): Promise<Page> => {
      const page = await context.newPage()
      await page.goto(new URL('/?share', server.url).href)
      return page
    }
    const leader = await open()
    await shows(leader, 'live a@1')
    const others = [await open(), await open()]
    for (const page of others) await shows(page, 'live a@1')
    await put('b')
    for (const page of [leader, ...others]) await shows(page, 'live a@1 b@1')
    await vi.waitFor(() => expect(server.clients()).toBe(1), { timeout: 10_000 })
    const opened = streamsOf(server).length
    await leader.close()
    await put('c')
    for (const page of others) await shows(page, 'live a@1 b@1 c@1')
    await vi.waitFor(() => expect(streamsOf(server).length).toBeGreaterThan(opened), { timeout: 10_000 })
    expect(streamsOf(server).at(-1)).toMatch(/^\d+/)
    const seen = await Promise.all(others.map(page => page.evaluate(() => (globalThis as unknown as { seen: { text: string }[] }).seen.map(each => each.text))))
    expect(seen.flat().filter(each => each.startsWith('stale'))).toEqual([])
    await vi.waitFor(() => expect(server.clients()).toBe(1), { timeout: 10_000 })
    await put('d')
    for (const page of others) await shows(page, 'live a@1 b@1 c@1 d@1')
  })
})
