import type { ServerResponse } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { build } from 'esbuild'
import type { Browser, BrowserContext, Page } from 'playwright-core'
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

/** Requests that are not answered: their pages do nothing else meanwhile. */
const held: ServerResponse[] = []
/** A gateway that serves the page and the bridge. */
const gateway = async (port = 0): Promise<BridgeServer & { readonly clients: () => number }> => {
  const registry = own(etcdRegistry({ hosts: etcd.endpoint }), ({ close }) => close())
  const handler = own(sseHandler(registry, { services: ['web'], heartbeat: 1_000, cors: true }), ({ close }) => close())
  const server = own(
    await bridgeServer((request, response) => {
      if (request.url?.startsWith('/discovery') === true) handler(request, response)
      else if (request.url === '/page.js') response.setHeader('content-type', 'text/javascript').end(script)
      else if (request.url === '/hold') held.push(response)
      else response.setHeaders(new Map([['content-type', 'text/html'], ...(request.url?.includes('sandboxed') === true ? [['content-security-policy', 'sandbox allow-scripts'] as const] : [])])).end('<!doctype html><meta charset="utf-8"><body></body><script src="/page.js"></script>')
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
  const seenBy = (page: Page): Promise<readonly string[]> => page.evaluate(() => (globalThis as unknown as { seen: { text: string }[] }).seen.map(each => each.text))
  const open = async (context: BrowserContext, server: BridgeServer): Promise<Page> => {
    const page = await context.newPage()
    await page.goto(new URL('/?share', server.url).href)
    return page
  }
  /** The tab that leads, and two others, which show the instance `a`. */
  const tabs = async () => {
    await etcd.wipe()
    await put('a')
    const server = await gateway()
    const context = own(await browser.newContext(), each => each.close())
    const leader = await open(context, server)
    await shows(leader, 'live a@1')
    const others = [await open(context, server), await open(context, server)]
    for (const page of others) await shows(page, 'live a@1')
    await vi.waitFor(() => expect(server.clients()).toBe(1), { timeout: 10_000 })
    return { server, context, leader, others }
  }
  /** None of them was stale, or has shown anything twice. */
  const sawEachOnce = async (pages: readonly Page[]): Promise<void> => {
    for (const seen of await Promise.all(pages.map(seenBy))) expect([...new Set(seen.filter(each => !each.startsWith('stale')))]).toEqual(seen)
  }

  it('have one stream, also after the leader is closed', { timeout: 120_000 }, async () => {
    const { server, leader, others } = await tabs()
    await put('b')
    for (const page of [leader, ...others]) await shows(page, 'live a@1 b@1')
    const opened = streamsOf(server).length
    await leader.close()
    await put('c')
    for (const page of others) await shows(page, 'live a@1 b@1 c@1')
    await vi.waitFor(() => expect(streamsOf(server).length).toBeGreaterThan(opened), { timeout: 10_000 })
    expect(streamsOf(server).at(-1)).toMatch(/^\d+/)
    await sawEachOnce(others)
    await vi.waitFor(() => expect(server.clients()).toBe(1), { timeout: 10_000 })
    await put('d')
    for (const page of others) await shows(page, 'live a@1 b@1 c@1 d@1')
  })

  it('follow another leader while the leader hangs, which follows them when it runs again', { timeout: 240_000 }, async () => {
    const { server, context, leader, others } = await tabs()
    const hanging = leader.evaluate(() => {
      const request = new XMLHttpRequest()
      request.open('GET', '/hold', false)
      request.send()
    })
    await vi.waitFor(() => expect(held).toHaveLength(1), { timeout: 10_000 })
    await put('b')
    for (const page of others) await shows(page, 'live a@1 b@1', 60_000)
    const late = await open(context, server)
    await shows(late, 'live a@1 b@1', 60_000)
    held.pop()?.end()
    await hanging
    await shows(leader, 'live a@1 b@1', 60_000)
    await put('c')
    for (const page of [leader, ...others, late]) await shows(page, 'live a@1 b@1 c@1', 60_000)
    await sawEachOnce([leader, ...others, late])
    await vi.waitFor(() => expect(server.clients()).toBe(1), { timeout: 20_000 })
    await others[0]?.close()
    await others[1]?.close()
    await put('d')
    for (const page of [leader, late]) await shows(page, 'live a@1 b@1 c@1 d@1', 60_000)
  })

  it('end the calls of a tab that crashes', { timeout: 120_000 }, async () => {
    const { server, context, leader, others: [crashing, other] } = await tabs()
    if (crashing === undefined || other === undefined) expect.fail()
    await other.evaluate(name => {
      const answered: string[] = []
      Object.assign(globalThis, { answered })
      new BroadcastChannel(name).onmessage = ({ data }: MessageEvent<{ type: string; id: string }>) => {
        if (data.type === 'next') answered.push(data.id)
      }
    }, `rx-discovery ${server.url}`)
    /** The calls that the leader answers when something changes. */
    let version = 1
    const answered = async (): Promise<number> => {
      await other.evaluate(() => void (globalThis as unknown as { answered: string[] }).answered.splice(0))
      await put('a', String((version += 1)))
      for (const page of [leader, other]) await shows(page, `live a@${version}`)
      return other.evaluate(() => new Set((globalThis as unknown as { answered: string[] }).answered).size)
    }
    expect(await answered()).toBe(2)
    const session = await context.newCDPSession(crashing)
    // It is never answered.
    session.send('Page.crash').catch(() => undefined)
    await vi.waitFor(async () => expect(await answered()).toBe(1), { timeout: 60_000 })
    await vi.waitFor(() => expect(server.clients()).toBe(1), { timeout: 10_000 })
  })

  it('each have a stream of their own where locks are refused, as in a sandboxed frame', async () => {
    await etcd.wipe()
    await put('a')
    const server = await gateway()
    for (const page of [await pageOf(server, '?share&sandboxed'), await pageOf(server, '?share&sandboxed')]) await shows(page, 'live a@1')
    await vi.waitFor(() => expect(server.clients()).toBe(2), 10_000)
  })
})
