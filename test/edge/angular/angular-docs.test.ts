import { readFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join, resolve } from 'node:path'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, expect, it, vi } from 'vitest'
import type { ReadableRegistry } from 'rx-discovery'
import { memoryRegistry } from 'rx-discovery/memory'
import { startChromium } from '../browser/chromium.js'
import { docsApp } from './docs-app.js'

const registry = memoryRegistry()
let app: Awaited<ReturnType<typeof docsApp>>
let browser: Browser
let orders: Server
let gateway: Server
let calls = 0
const portOf = (server: Server): number => (server.address() as AddressInfo).port
const listening = (server: Server): Promise<unknown> => new Promise(resolve => server.listen(0, '127.0.0.1', () => resolve(undefined)))
const put = (id: string): unknown => registry.write(`/rx-discovery/orders/${id}`, JSON.stringify({ v: 1, address: `127.0.0.1:${portOf(orders)}`, metadata: { password: 'secret' } }))
const html = async (): Promise<string> => (await fetch(`http://127.0.0.1:${portOf(gateway)}/`)).text()

/** The bundle of the page. */
let bundle = 'main.js'
/** Whether the gateway's stream is held back. */
let held: Promise<unknown> = Promise.resolve()

beforeAll(async () => {
  app = await docsApp()
  const made = (await import(join(resolve(app.folder), 'gateway.mjs'))) as { readonly gateway: (registry: ReadableRegistry) => Server }
  orders = createServer((request, response) => {
    if (request.method === 'POST') request.pipe(response)
    else response.setHeader('content-type', 'application/json').end(`{"total":${++calls}}`)
  })
  await listening(orders)
  for (const id of ['a', 'b']) put(id)
  const inner = made.gateway(registry)
  gateway = createServer((request, response) => {
    // The gateway reads it from its own folder.
    if (request.url === '/main.js') response.setHeader('content-type', 'text/javascript').end(readFileSync(join(app.folder, bundle)))
    else if (request.url?.startsWith('/discovery') === true) void held.then(() => inner.emit('request', request, response))
    else inner.emit('request', request, response)
  }).on('close', () => inner.emit('close'))
  await listening(gateway)
  browser = await startChromium()
}, 600_000)
afterAll(async () => {
  await browser.close()
  for (const server of [gateway, orders]) {
    server.closeAllConnections()
    server.close()
  }
  await registry.close()
  app.remove()
}, 60_000)

const shown = async (page: Page): Promise<string> => (await Promise.all(['#status', 'ul', '#total'].map(name => page.textContent(name)))).join('|')

it('the server renders the set and an answer of an instance; the page holds neither an address nor metadata', async () => {
  const text = await html()
  expect(text).toContain('<p id="status">live</p>')
  expect(text).toMatch(/<li>a up<\/li>.*<li>b up<\/li>/)
  expect(text).toContain(`<p id="total">${calls}</p>`)
  expect(text).not.toContain(String(portOf(orders)))
  expect(text).not.toContain('secret')
})

it('the gateway passes on the body of a request', async () => {
  const answer = await fetch(`http://127.0.0.1:${portOf(gateway)}/instances/orders/a/orders`, { method: 'POST', body: 'one more' })
  expect(await answer.text()).toBe('one more')
})

it.each([
  ['without zone.js', 'main.js'],
  ['with zone.js', 'main-zone.js'],
])('%s the page is hydrated with what the server knew, stale, and asks no instance again; then it follows the service and calls it', async (_, main) => {
  bundle = main
  registry.write('/rx-discovery/orders/c', null)
  let release: (value?: unknown) => void = () => undefined
  held = new Promise(resolve => (release = resolve))
  const page = await browser.newPage()
  const problems: string[] = []
  page.on('pageerror', error => problems.push(error.message))
  page.on('console', message => {
    if (message.type() === 'error' && !message.location().url.endsWith('favicon.ico')) problems.push(message.text())
  })
  const before = calls
  await page.goto(`http://127.0.0.1:${portOf(gateway)}/`, { timeout: 120_000 })
  await vi.waitFor(async () => expect([await shown(page), problems]).toEqual([`stale|a upb up|${before + 1}`, []]), { timeout: 60_000 })
  expect(await page.getAttribute('app-root', 'ng-version')).toMatch(/^\d/)
  expect(await page.evaluate(() => 'Zone' in globalThis)).toBe(main === 'main-zone.js')
  release()
  await vi.waitFor(async () => expect(await shown(page)).toBe(`live|a upb up|${before + 1}`), { timeout: 60_000 })
  expect(calls).toBe(before + 1)
  put('c')
  await vi.waitFor(async () => expect(await shown(page)).toBe(`live|a upb upc up|${before + 1}`), { timeout: 60_000 })
  await page.click('button')
  await vi.waitFor(async () => expect(await shown(page)).toBe(`live|a upb upc up|${before + 2}`), { timeout: 60_000 })
  expect(problems).toEqual([])
  await page.close()
}, 300_000)
