import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import type { Browser, BrowserContextOptions, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { webStage, type Gateway, type Stage } from '../../examples/demo-web/stage.js'
import { startChromium } from '../edge/browser/chromium.js'
import { frontOf, type Front, type Passed } from './front.js'
import { own } from './own.js'
import { program } from './program.js'
import { freePort } from './provision-binary.js'
import { etcdServer, type EtcdServer } from './server.js'

let browser: Browser
let etcd: EtcdServer
let stage: Stage
/** The gateway that stays. */
let serving: Gateway
beforeAll(async () => {
  browser = await startChromium()
  etcd = await etcdServer()
  stage = await webStage({ endpoints: [etcd.endpoint], log: () => undefined, ttl: 15, page: process.env['PAGE'] })
  serving = await stage.gateway(await freePort())
}, 900_000)
afterAll(async () => {
  await browser.close()
  await stage.close()
  await etcd.close()
})

const patient = { timeout: 90_000, interval: 20 }
/** A gateway for one test. */
const gateway = async (port: number): Promise<Gateway> => own(await stage.gateway(port), ({ end }) => end('SIGTERM'))

/** What a page has shown: when each instance appeared, and those that disappeared. */
interface Seen {
  readonly appeared: Readonly<Record<string, number>>
  readonly disappeared: readonly string[]
}

const problems: string[] = []
const pageOf = async (url: string, options: BrowserContextOptions = {}): Promise<Page> => {
  problems.length = 0
  const context = own(await browser.newContext(options), each => each.close())
  context.setDefaultTimeout(patient.timeout)
  const page = await context.newPage()
  page.on('pageerror', error => problems.push(error.message))
  page.on('request', request => {
    if (new URL(request.url()).origin !== new URL(url).origin && !request.url().startsWith('data:')) problems.push(`a request for ${request.url()}`)
  })
  await page.addInitScript(() => {
    const appeared: Record<string, number> = {}
    const disappeared: string[] = []
    Object.assign(globalThis, { seen: { appeared, disappeared } })
    let before: readonly string[] = []
    const look = (): void => {
      const now = [...document.querySelectorAll<HTMLElement>('[data-instance]:not(.left)')].map(({ dataset }) => dataset['instance'] ?? '')
      for (const id of now) appeared[id] ??= Date.now()
      disappeared.push(...before.filter(id => !now.includes(id)))
      before = now
    }
    new MutationObserver(look).observe(document, { childList: true, subtree: true, attributes: true })
  })
  await page.goto(url)
  return page
}
const seen = (page: Page): Promise<Seen> => page.evaluate(() => (globalThis as unknown as { seen: Seen }).seen)
const shown = (page: Page): Promise<readonly string[]> => page.evaluate(() => [...document.querySelectorAll<HTMLElement>('[data-instance]:not(.left)')].map(({ dataset }) => dataset['instance'] ?? '').sort())
const hostOf = ({ url }: Gateway): string => new URL(url).host
/** What runs: the instances, the gateway that stays, and others. */
const running = (...others: readonly string[]): readonly string[] => [...stage.instances().map(({ id }) => id), hostOf(serving), ...others].sort()
const shows = (page: Page, expected: () => readonly string[]): Promise<void> => vi.waitFor(async () => expect(await shown(page)).toEqual(expected()), patient)
const banner = (page: Page): Promise<string> => page.evaluate(() => document.querySelector('app-stale-banner')?.textContent ?? '')
const key = (id: string): string => `/rx-discovery/orders/${id}`
/** Registers an instance that no process of the demo is. */
const visitor = async (id: string): Promise<void> => {
  own(await etcd.client().put(key(id)).value('{"v":1,"address":"127.0.0.1:1"}').exec(), () => etcd.client().delete().key(key(id)).exec())
}

const idsIn = (text: string): readonly string[] => [...text.matchAll(/^id: (.+)$/gm)].map(([, id = '']) => id)
const eventsIn = (text: string): readonly string[] => [...text.matchAll(/^event: (.+)$/gm)].map(([, event = '']) => event)
const lastIdIn = (passed: readonly Passed[]): string | undefined => passed.flatMap(({ text }) => idsIn(text())).at(-1)
/** Checks that the first stream after the first `count` responses begins after the last event that the page has got until then: the gateway takes the id, and sends no listing. */
const expectResumed = async (front: Front, count: number): Promise<Passed> => {
  const passed = front.passed()
  const stream = await vi.waitFor(() => {
    const found = passed.slice(count).find(({ isStream, text }) => isStream && idsIn(text()).length > 0)
    if (found === undefined) throw new Error('no stream has been resumed')
    return found
  }, patient)
  expect(stream.lastEventId).toMatch(/^\d+\.[\da-f]{16}$/)
  expect(stream.lastEventId).toBe(lastIdIn(passed.slice(0, passed.indexOf(stream))))
  expect(eventsIn(stream.text())).toContain('batch')
  expect(eventsIn(stream.text())).not.toContain('listing')
  return stream
}
/** What a gateway sends first to a stream that begins after an event. */
const resumedAt = async ({ url }: Gateway, id: string | undefined): Promise<string> => {
  const { body } = await fetch(`${url}discovery`, { headers: { 'last-event-id': id ?? '' } })
  const decoder = new TextDecoder()
  let text = ''
  for await (const chunk of body ?? []) if (idsIn((text += decoder.decode(chunk, { stream: true }))).length > 0) break
  return text
}

describe('the page of demo:web in Chromium', { timeout: 400_000 }, () => {
  it('shows an instance within 1 s after it was registered in etcd, and a killed one leaves when its TTL has passed', async () => {
    const page = await pageOf(serving.url)
    await shows(page, () => running())
    await visitor('visitor')
    const registered = Date.now()
    await shows(page, () => running('visitor'))
    expect(((await seen(page)).appeared['visitor'] ?? Infinity) - registered).toBeLessThan(1_000)

    const victim = stage.add('users')
    await shows(page, () => running('visitor'))
    await victim.end('SIGKILL')
    const killed = Date.now()
    expect(await shown(page)).toContain(victim.id)
    await shows(page, () => running('visitor'))
    expect(Date.now() - killed).toBeGreaterThan(5_000)
    expect(problems).toEqual([])
  })

  it('calls instances through the gateway, also while one of them is killed, and shows what the gateway makes of two services', async () => {
    const page = await pageOf(serving.url)
    await shows(page, () => running())
    const victim = stage.add('stock')
    await shows(page, () => running())
    const calls = page.locator('app-stock-calls')
    const answers = (): Promise<number> => calls.locator('.number').evaluateAll(all => all.reduce((sum, { textContent }) => sum + Number(textContent), 0))
    await calls.getByRole('button', { name: '50 calls' }).click()
    await vi.waitFor(async () => expect(await answers()).toBe(50), patient)
    expect(await calls.locator('[data-calls]').count()).toBe(3)
    await victim.end('SIGKILL')
    await calls.getByRole('button', { name: '50 calls' }).click()
    const survivors = stage.instances().filter(({ service }) => service === 'stock')
    await vi.waitFor(async () => expect(await answers()).toBeGreaterThan(50), patient)
    await shows(page, () => running())
    expect(await calls.locator('[data-calls]').count()).toBe(survivors.length)
    expect(await calls.textContent()).toContain('0 failed')

    const orders = page.locator('app-latest-orders')
    await vi.waitFor(async () => expect(await orders.locator('tr').count()).toBe(4), patient)
    expect(await orders.textContent()).toMatch(/1001\s*Tea\s*Ada/)
    expect(await orders.textContent()).toMatch(/answered by orders-\d and users-\d/)
    expect(problems).toEqual([])
  })

  it('says that it is stale, and for how long, while etcd is stopped, and nothing vanishes', async () => {
    const page = await pageOf(serving.url)
    await shows(page, () => running())
    expect(await banner(page)).toBe('')
    const { disappeared } = await seen(page)
    await etcd.kill()
    const age = async (): Promise<number> => Number(/Stale for (\d+) s\./.exec(await banner(page))?.[1] ?? -1)
    await vi.waitFor(async () => expect(await age()).toBeGreaterThanOrEqual(0), patient)
    const first = await age()
    await vi.waitFor(async () => expect(await age()).toBeGreaterThanOrEqual(first + 2), patient)
    expect(await shown(page)).toEqual(running())
    await etcd.start()
    await vi.waitFor(async () => expect(await banner(page)).toBe(''), patient)
    await shows(page, () => running())
    expect((await seen(page)).disappeared).toEqual(disappeared)
  })

  it('resumes by Last-Event-ID when the gateway is restarted', async () => {
    const port = await freePort()
    const first = await gateway(port)
    const front = own(await frontOf(first.url), it => it.close())
    const page = await pageOf(front.url)
    await shows(page, () => running(hostOf(first)))
    await first.end('SIGTERM')
    await vi.waitFor(async () => expect(await banner(page)).toContain('Stale'), patient)
    const { length } = front.passed()
    const last = lastIdIn(front.passed())
    await visitor('meanwhile')
    const second = await gateway(port)
    await shows(page, () => running(hostOf(first), 'meanwhile'))
    await expectResumed(front, length)
    await vi.waitFor(async () => expect(await banner(page)).toBe(''), patient)
    const difference = await resumedAt(second, last)
    expect(eventsIn(difference)).toEqual(['batch'])
    expect(difference).toContain(key('meanwhile'))
  })

  it('resumes by Last-Event-ID at another gateway behind the same URL', async () => {
    const first = await gateway(await freePort())
    const front = own(await frontOf(first.url), it => it.close())
    const page = await pageOf(front.url)
    await shows(page, () => running(hostOf(first)))
    await visitor('before')
    await shows(page, () => running(hostOf(first), 'before'))
    const { length } = front.passed()
    const last = lastIdIn(front.passed())
    front.to(serving.url)
    await first.end('SIGKILL')
    await visitor('after')
    await vi.waitFor(async () => expect(await shown(page)).toContain('after'), patient)
    expect((await expectResumed(front, length)).gateway).toBe(serving.url)
    // An id of one gateway is an id of another one: it is made of what etcd has.
    const difference = await resumedAt(serving, last)
    expect(eventsIn(difference)).toEqual(['batch'])
    expect(difference).toContain(key('after'))
    expect(difference).not.toContain(key('before'))
  })

  it('shows the board on a view of its own, which is loaded when it is opened, and is live', async () => {
    const page = await pageOf(serving.url)
    const loaded: string[] = []
    page.on('request', request => void loaded.push(new URL(request.url()).pathname))
    await shows(page, () => running())
    const scripts = (): readonly string[] => loaded.filter(path => path.endsWith('.js'))
    expect(scripts()).toEqual([])
    await page.getByRole('link', { name: 'Board', exact: true }).click()
    const board = page.locator('rx-discovery-board')
    await vi.waitFor(async () => expect(await board.locator('.pulse').innerText()).toMatch(/^live/), patient)
    expect(scripts().length).toBeGreaterThan(0)
    for (const id of running()) expect(await board.locator(`.name[data-name$="/${id}"]`).count()).toBe(1)
    await visitor('on-board')
    await vi.waitFor(async () => expect(await board.locator('tr:has([data-name="orders/on-board"])').innerText()).toMatch(/on-board\s+up/), patient)
    // A link to what the board shows.
    await page.goto(`${serving.url}?q=on-board#board`)
    await vi.waitFor(async () => expect(await board.locator('.found').innerText()).toMatch(/^1 of \d+ instances/), patient)
    await page.getByRole('link', { name: 'Dashboard', exact: true }).click()
    await vi.waitFor(async () => expect([await board.count(), await page.locator('main').isVisible()]).toEqual([0, true]), patient)
    expect(problems).toEqual([])
  })

  it('fits a phone, and follows the colours of the system', async () => {
    const colours = new Set<string>()
    for (const colorScheme of ['light', 'dark'] as const) {
      const page = await pageOf(serving.url, { viewport: { width: 360, height: 740 }, colorScheme })
      await shows(page, () => running())
      expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(360)
      colours.add(await page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor))
    }
    expect(colours.size).toBe(2)
    expect(problems).toEqual([])
  })
})

/** The addresses on which processes listen, as Linux writes them. */
const listening = (pids: readonly number[]): readonly string[] => {
  const sockets = pids.flatMap(pid => readdirSync(`/proc/${pid}/fd`).map(fd => /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/${pid}/fd/${fd}`))?.[1]))
  return ['tcp', 'tcp6'].flatMap(table =>
    readFileSync(`/proc/net/${table}`, 'utf8')
      .split('\n')
      .map(line => line.trim().split(/\s+/))
      .flatMap(([, local = '', , state, , , , , , inode]) => (state === '0A' && sockets.includes(inode) ? [local.split(':')[0] ?? ''] : [])),
  )
}

it('everything listens on the loopback', async () => {
  const pids = [serving, ...stage.instances()].flatMap(({ pid }) => pid ?? [])
  await vi.waitFor(() => {
    const addresses = listening(pids)
    expect(addresses).toHaveLength(pids.length)
    // 127.0.0.1
    expect(new Set(addresses)).toEqual(new Set(['0100007F']))
  }, patient)
})

it('the program prints the URL, serves the page, and ends all that it has started when it is interrupted', { timeout: 400_000 }, async () => {
  const alone = own(await etcdServer(), it => it.close())
  const demo = own(program('examples/demo-web/main.ts', [], { env: { ETCD_PROVIDER: 'endpoints', ETCD_ENDPOINTS: alone.endpoint, PAGE: stage.page } }), it => it.signal('SIGTERM'))
  let url: string | undefined
  while (url === undefined) url = /^The page is at (http:.+)$/.exec(await demo.line())?.[1]
  expect(await (await fetch(url)).text()).toContain('<app-root>')
  const orders = (): Promise<Response> => fetch(`${url}api/orders`)
  expect(await (await orders()).json()).toMatchObject({ orders: [{ item: 'Tea', name: 'Ada' }, {}, {}, {}] })
  demo.signal('SIGINT')
  const rest = demo.rest()
  expect(await demo.ended).toMatchObject({ code: 0, complaint: '' })
  expect((await rest).filter(line => line.endsWith('is revoked'))).toHaveLength(6)
  await expect(orders()).rejects.toThrow('fetch failed')
  expect(await alone.client().getAll().keys()).toEqual([])
})
