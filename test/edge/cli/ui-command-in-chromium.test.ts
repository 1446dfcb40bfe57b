import { mkdirSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Browser, BrowserContextOptions, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { register, type Registration } from 'rx-discovery'
import { memoryRegistry, type MemoryRegistry } from 'rx-discovery/memory'
import { boardScript, boardServer } from '../board/board-page.js'
import { flaws, openPage, patience, row, shows, text } from '../board/shown-board.js'
import { startChromium } from '../browser/chromium.js'
import { uiProgram, type UiProgram } from './ui-program.js'

let browser: Browser
let script: string
beforeAll(async () => {
  script = await boardScript()
  browser = await startChromium()
}, 600_000)
afterAll(() => browser.close(), 120_000)

const opened: { close: () => unknown }[] = []
afterEach(async () => {
  for (const each of opened.splice(0).reverse()) await each.close()
}, 120_000)
const own = <A extends { close: () => unknown }>(it: A): A => {
  opened.push(it)
  return it
}

type Fields = Readonly<Record<string, unknown>>
/** A registry whose instances have a lease that lives. */
const aFleet = async (): Promise<{ readonly registry: MemoryRegistry; readonly put: (service: string, id: string, fields?: Fields) => void; readonly remove: (service: string, id: string) => void }> => {
  const registry = memoryRegistry()
  const lease = await new Promise<string>(resolve => {
    const holding = registry.lease(3_600).subscribe({ next: ({ id }) => resolve(id), error: () => undefined })
    own({ close: () => holding.unsubscribe() })
  })
  return {
    registry,
    put: (service, id, fields = {}) => void registry.write(`/rx-discovery/${service}/${id}`, JSON.stringify({ v: 1, address: `${id}:80`, ...fields }), { lease }),
    remove: (service, id) => void registry.write(`/rx-discovery/${service}/${id}`, null),
  }
}
const ui = async (registry: MemoryRegistry, ...argv: readonly string[]): Promise<UiProgram> => {
  const program = await uiProgram(registry, script, ...argv)
  own({ close: program.stop })
  return program
}
const open = async (url: string, options: BrowserContextOptions = {}): Promise<Page> => {
  const page = await openPage(browser, url, options)
  own(page.context())
  return page
}

describe('a board in Chromium', { timeout: 240_000 }, () => {
  it('shows services and instances with their fields, and a change within a second', async () => {
    const { registry, put } = await aFleet()
    put('web', 'a', { zone: 'eu', version: '1.2', weight: 3, tags: ['canary'] })
    put('shop/orders', 'b')
    const page = await open((await ui(registry)).url)
    await shows(page, /^a up a:80 eu 1\.2 3 canary ≥ \d+ (s|min)/, row('web/a'))
    await shows(page, /All well 2 shop\/orders 1 up/)
    await shows(page, /live revision \d+/, '.pulse')
    await page.evaluate(() => {
      const seen = new Promise<number>(resolve => {
        const board = document.querySelector('rx-discovery-board')?.shadowRoot
        const look = (): unknown => (board?.textContent.includes('2.0') === true ? resolve(Date.now()) : requestAnimationFrame(look))
        look()
      })
      Object.assign(globalThis, { seen })
    })
    const written = Date.now()
    put('web', 'a', { zone: 'eu', version: '2.0' })
    const seen = await page.evaluate(() => (globalThis as unknown as { seen: Promise<number> }).seen)
    // A machine that runs other tests is slower; the benchmark measures this alone.
    expect(seen - written).toBeLessThan(10_000)
    await shows(page, /web\/a updated weight 3 → 1, version 1\.2 → 2\.0, tags/, '.journal')
  })

  it('keeps what is down or gone visible and marked, on top', async () => {
    const { registry, put, remove } = await aFleet()
    for (const id of ['a', 'b', 'c']) put('web', id)
    put('mail', 'm')
    const page = await open((await ui(registry)).url)
    await shows(page, /All well 2/)
    put('web', 'b', { status: 'down' })
    remove('web', 'c')
    remove('mail', 'm')
    await shows(page, /Needs attention 2 mail 0 up/)
    await shows(page, /^b down/, row('web/b'))
    await shows(page, /^c gone/, row('web/c'))
    await shows(page, /^m gone/, row('mail/m'))
    await shows(page, /1 up 0 starting 0 draining 1 down 2 gone/, '.numbers')
  })

  it('is clearly stale, with its age, while the registry does not answer; nothing vanishes', async () => {
    const { registry, put } = await aFleet()
    put('web', 'a')
    const page = await open((await ui(registry)).url)
    await shows(page, /a up/)
    await shows(page, /live/, '.pulse')
    registry.interrupt(3_600_000)
    await shows(page, /^Stale for \d+ s.*does not answer.*What you see is as of/, '.banner')
    const age = async (): Promise<number> => Number(/for (?:(\d+) s)/.exec(await text(page, '.banner'))?.[1] ?? 99)
    const before = await age()
    await vi.waitFor(async () => expect(await age()).toBeGreaterThan(before), patience)
    await shows(page, /^a up/, row('web/a'))
    await shows(page, /stale/, '.journal')
    expect(await flaws(page)).toEqual([])
  })

  it('shows the past by its slider, also what happened before it was started, and by a link', async () => {
    const { registry, put, remove } = await aFleet()
    put('web', 'a')
    put('web', 'a', { version: '2' })
    remove('web', 'a')
    put('web', 'b')
    const program = await ui(registry)
    const page = await open(program.url)
    await shows(page, /b up/)
    await shows(page, /web\/a left before \d\d:\d\d · revision 4/, '.journal')
    await page.getByRole('slider').focus()
    await page.keyboard.press('Home')
    await shows(page, /past revision 1$/, '.pulse')
    await shows(page, /No service is registered/)
    await page.keyboard.press('ArrowRight')
    await page.keyboard.press('ArrowRight')
    await shows(page, /^a up a:80 2/, row('web/a'))
    expect(await page.getByRole('slider').getAttribute('aria-valuetext')).toMatch(/^revision 3, before \d\d:\d\d, 1 updated$/)
    expect(new URL(page.url()).search).toBe('?at=3')
    expect(await flaws(page)).toEqual([])
    const other = await open(page.url())
    await shows(other, /^a up a:80 2/, row('web/a'))
    await shows(other, /The past This is the fleet as of revision 3/, '.banner')
    await other.getByRole('button', { name: 'Back to live' }).click()
    await shows(other, /b up/)
    expect(new URL(other.url()).search).toBe('')
    await other.getByRole('button', { name: 'Play the changes' }).click()
    await shows(other, /past/, '.pulse')
    await shows(other, /live/, '.pulse')
  })

  it('shows a note while the recording cannot be read, and the past as soon as it can be', async () => {
    const { registry, put, remove } = await aFleet()
    put('web', 'a')
    remove('web', 'a')
    put('web', 'b')
    const recording = await (await fetch(`${(await ui(registry)).url}recording`)).text()
    let isBroken = true
    const more = (request: IncomingMessage, response: ServerResponse): boolean => {
      if (request.url !== '/recording') return false
      response.writeHead(isBroken ? 503 : 200).end(isBroken ? 'later' : recording)
      return true
    }
    const { url } = own(await boardServer(registry, script, { attributes: 'link recording="/recording"', more }))
    const page = await open(new URL('/', url).href)
    await shows(page, /b up/)
    await shows(page, /The past cannot be read, trying again/, '.time')
    expect(await flaws(page)).toEqual([])
    expect(await text(page, '.journal')).not.toContain('web/a left')
    isBroken = false
    await shows(page, /web\/a left before \d\d:\d\d · revision 3/, '.journal')
    await shows(page, /3 changes/, '.time')
    expect(await text(page, '.time')).not.toContain('cannot be read')
  })

  it('says which revision is the oldest one if a link asks for an older one', async () => {
    const { registry, put } = await aFleet()
    for (let at = 0; at < 5; at += 1) put('web', 'a', { weight: at })
    registry.compact()
    put('web', 'b')
    const page = await open(`${(await ui(registry)).url}?at=2`)
    await shows(page, /This revision cannot be read.*6/)
  })

  it('filters by text, status, zone, version, tag and sickness, and keeps all of them in its URL', async () => {
    const { registry, put } = await aFleet()
    put('web', 'a', { zone: 'eu', version: '1', tags: ['canary'] })
    put('web', 'b', { zone: 'us', version: '2', status: 'draining' })
    put('orders', 'c', { zone: 'us', version: '2' })
    const page = await open((await ui(registry)).url)
    await shows(page, /orders/)
    await page.keyboard.press('/')
    await page.keyboard.type('web')
    await shows(page, /2 of 3 instances/, '.filters')
    await page.getByRole('combobox', { name: 'zone' }).selectOption('us')
    await page.getByRole('combobox', { name: 'version' }).selectOption('2')
    await page.getByRole('checkbox', { name: 'Only the sick' }).check()
    await shows(page, /1 of 3 instances/, '.filters')
    await vi.waitFor(() => expect(new URL(page.url()).search).toBe('?q=web&zone=us&version=2&sick=1'), patience)
    await page.reload()
    await shows(page, /1 of 3 instances/, '.filters')
    expect(await page.locator('tbody tr').count()).toBe(1)
    await page.getByRole('button', { name: 'Clear' }).click()
    await page.getByRole('combobox', { name: 'tag' }).selectOption('canary')
    await shows(page, /^a up/, 'tbody tr')
    await page.getByRole('combobox', { name: 'tag' }).selectOption('')
    await page.getByRole('button', { name: '1 draining' }).click()
    await shows(page, /^b draining/, 'tbody tr')
  })

  it('shows HTML as text, and entries that cannot be read apart and collapsed', async () => {
    const { registry, put } = await aFleet()
    const html = '<img src=x onerror="globalThis.broken = 1"><b>bold</b>'
    put('web', 'a', { version: html, zone: html, tags: [html], metadata: { note: html } })
    registry.write('/rx-discovery/web/<i>b</i>', '{"v":1,"address":"<script>"}')
    const page = await open((await ui(registry)).url)
    await shows(page, /1 entry cannot be read/, '.rejected')
    expect(await page.locator('.rejected li').isVisible()).toBe(false)
    await page.getByText('1 entry cannot be read').click()
    expect(await page.locator('.rejected li').isVisible()).toBe(true)
    await page.locator('.name[data-name="web/a"]').click()
    await shows(page, /<b>bold<\/b>/, '.details pre')
    expect(await page.evaluate(() => document.querySelector('rx-discovery-board')?.shadowRoot?.querySelectorAll('img, i, b b, script').length)).toBe(0)
    expect(await page.evaluate(() => 'broken' in globalThis)).toBe(false)
    expect(await flaws(page)).toEqual([])
  })

  it('asks for the remaining TTL of the selected instance only', async () => {
    const { registry, put } = await aFleet()
    const one = register(registry, { service: 'web', id: 'one', address: 'one:80' }, { ttl: 30 }).subscribe()
    own({ close: () => one.unsubscribe() })
    put('web', 'two')
    const page = await open('about:blank')
    const asked: string[] = []
    page.on('request', request => {
      if (request.url().includes('remaining')) asked.push(request.url())
    })
    await page.goto((await ui(registry)).url)
    await shows(page, /two/)
    expect(asked).toEqual([])
    await page.locator('.name[data-name="web/one"]').click()
    await shows(page, /^\d+ s of 30 s left$/, '[data-ttl]')
    expect(new Set(asked).size).toBe(1)
    await page.keyboard.press('Escape')
    await vi.waitFor(async () => expect(await page.locator('.details').count()).toBe(0), patience)
    expect(await page.evaluate(() => (document.querySelector('rx-discovery-board')?.shadowRoot?.activeElement as HTMLElement | null)?.dataset['name'])).toBe('web/one')
  })

  it('can be used by keyboard alone', async () => {
    const { registry, put } = await aFleet()
    for (let at = 0; at < 100; at += 1) put('web', `node${at}`)
    const page = await open((await ui(registry)).url)
    await shows(page, /100 up/)
    expect(await page.locator('tbody tr').count()).toBe(0)
    await page.getByRole('button', { name: 'web', exact: true }).focus()
    await page.keyboard.press('Enter')
    await vi.waitFor(async () => expect(await page.locator('tbody tr').count()).toBe(100), patience)
    await page.keyboard.press('Tab')
    await page.keyboard.press('Enter')
    await shows(page, /web \/ node0/, '.details')
    const focused = await page.evaluate(() => getComputedStyle(document.querySelector('rx-discovery-board')?.shadowRoot?.activeElement ?? document.body).outlineStyle)
    expect(focused).toBe('solid')
  })

  it('drains an instance and gives it back, which the journal names, and warns of the last one', async () => {
    const { registry } = await aFleet()
    const states: Registration[] = []
    const one = register(registry, { service: 'web', id: 'one', address: 'one:80' }).subscribe(state => states.push(state))
    own({ close: () => one.unsubscribe() })
    const program = await ui(registry, '--allow-override')
    const page = await open(`${program.url}#token=${program.token}`)
    await page.locator('.name[data-name="web/one"]').click()
    expect(page.url()).not.toContain('token')
    await page.getByRole('button', { name: 'Drain…' }).click()
    await shows(page, /This is the last instance of web that is up/, '.operate')
    expect(await flaws(page)).toEqual([])
    await page.getByRole('button', { name: 'Drain the last one' }).click()
    await shows(page, /^one draining/, row('web/one'))
    expect(states.at(-1)).toMatchObject({ published: 'draining' })
    await shows(page, /web\/one drained by an operator/, '.journal')
    await page.getByRole('button', { name: 'Give back' }).click()
    await shows(page, /^one up/, row('web/one'))
    await shows(page, /web\/one given back by an operator/, '.journal')
    const stranger = await open(program.url)
    await stranger.locator('.name[data-name="web/one"]').click()
    await shows(stranger, /one/, '.details')
    expect(await stranger.getByRole('button', { name: 'Drain…' }).count()).toBe(0)
  })

  it('does nothing for a page of another website', async () => {
    const { registry, put } = await aFleet()
    put('web', 'a')
    const program = await ui(registry, '--allow-override')
    const evil = own(createServer((_, response) => response.setHeader('content-type', 'text/html').end('<!doctype html><title>evil</title><iframe></iframe>')))
    await new Promise<void>(resolve => evil.listen(0, '127.0.0.1', resolve))
    const page = await open(`http://127.0.0.1:${(evil.address() as AddressInfo).port}/`)
    const found = await page.evaluate(async ({ url, token }) => {
      const attempt = (init: RequestInit, path: string): Promise<string> => fetch(`${url}${path}`, init).then(async response => `${response.type} ${(await response.text()).length}`, () => 'refused')
      const headers = { 'content-type': 'application/json', 'x-rx-discovery-token': token }
      const body = '{"service":"web","id":"a","last":true}'
      return [
        await attempt({}, 'recording'),
        await attempt({ mode: 'no-cors' }, 'recording'),
        await attempt({ method: 'POST', headers, body }, 'control/drain'),
        await attempt({ method: 'POST', mode: 'no-cors', body }, 'control/drain'),
        await new Promise<string>(resolve => {
          const script = Object.assign(document.createElement('script'), { src: `${url}board.js`, onload: () => resolve('loaded'), onerror: () => resolve('refused') })
          document.body.append(script)
        }),
      ]
    }, { url: program.url, token: program.token })
    expect(found).toEqual(['refused', 'refused', 'refused', 'refused', 'refused'])
    const framed = await page.evaluate(async url => {
      const frame = document.querySelector('iframe')
      const loaded = new Promise(resolve => frame?.addEventListener('load', resolve))
      if (frame !== null) frame.src = url
      await loaded
      try {
        return frame?.contentDocument?.title ?? 'closed'
      } catch {
        return 'closed'
      }
    }, program.url)
    expect(framed).toBe('closed')
    expect(registry.entries().filter(({ key }) => key.startsWith('/rx-discovery-overrides/'))).toEqual([])
  })
})

describe('screenshots', { timeout: 240_000 }, () => {
  it('of a fleet in trouble: light, dark, a phone, the past; axe finds nothing in any', async () => {
    const { registry, put, remove } = await aFleet()
    const services: readonly (readonly [service: string, count: number, versions: readonly string[]])[] = [
      ['accounts', 6, ['7.7.0']],
      ['catalog', 9, ['5.2.0']],
      ['checkout/orders', 6, ['1.9.3']],
      ['checkout/payments', 5, ['3.0.0', '3.1.0']],
      ['mailer', 3, ['1.2.0']],
      ['recommendations', 4, ['1.0.2']],
      ['search', 16, ['0.44.1']],
      ['thumbnails', 30, ['4.4.4']],
      ['web', 12, ['2.14.0', '2.14.1']],
    ]
    const write = (service: string, at: number, fields: Fields = {}): void => {
      const versions = services.find(([name]) => name === service)?.[2] ?? []
      const id = `${service.split('/').at(-1) ?? ''}-${String(at).padStart(2, '0')}`
      put(service, id, { address: `10.20.${service.length}.${10 + at}:8080`, zone: `eu-${'abc'.charAt(at % 3)}`, version: versions[at % versions.length], tags: at % 6 === 0 ? ['canary'] : [], metadata: { rack: `r${10 + at}` }, ...fields })
    }
    for (const [service, count] of services) for (let at = 0; at < count; at += 1) write(service, at)
    const program = await ui(registry, '--heading', 'Production', '--past', '0')
    const page = await open(program.url)
    await shows(page, /All well 9/)
    const steps: readonly (() => void)[] = [
      () => write('web', 4, { version: '2.15.0' }),
      () => write('web', 7, { status: 'down' }),
      () => remove('search', 'search-05'),
      () => write('checkout/payments', 5),
      () => write('search', 9, { status: 'down' }),
      () => write('accounts', 1, { status: 'draining' }),
      () => write('mailer', 2, { status: 'starting' }),
      () => registry.write('/rx-discovery/catalog/by-hand', '{"v":1,"address":"localhost"}'),
      () => write('recommendations', 3, { weight: 5 }),
      () => write('web', 5, { version: '2.15.0' }),
      () => remove('web', 'web-11'),
    ]
    for (const [at, step] of steps.entries()) {
      // Only the last change is a fresh one.
      if (at === steps.length - 1) await vi.waitFor(async () => expect(await page.locator('.journal .fresh').count()).toBe(0), patience)
      step()
      await shows(page, `${at + 1} change`, '.time')
    }
    const folder = process.env['SCREENSHOTS'] ?? 'node_modules/.cache/screenshots'
    mkdirSync(folder, { recursive: true })
    const shoot = async (of: Page, name: string): Promise<void> => {
      await of.screenshot({ path: `${folder}/board-${name}.png`, animations: 'disabled' })
      expect({ [name]: await flaws(of) }).toEqual({ [name]: [] })
    }
    await shoot(page, 'light')
    const dark = await open(`${program.url}?show=web%2Fweb-07&q=web`, { colorScheme: 'dark' })
    await shows(dark, /web \/ web-07/, '.details')
    await shoot(dark, 'dark')
    const phone = await open(program.url, { viewport: { width: 390, height: 844 }, isMobile: true })
    await shows(phone, /Needs attention/)
    expect(await phone.evaluate(() => document.documentElement.scrollWidth)).toBe(390)
    await shoot(phone, 'phone')
    await page.getByRole('slider').focus()
    for (let back = 0; back < 4; back += 1) await page.keyboard.press('ArrowLeft')
    await shows(page, /past/, '.pulse')
    await shoot(page, 'past')
  })

  const states: Readonly<Record<string, readonly [expected: RegExp, act: (fleet: Awaited<ReturnType<typeof aFleet>>) => void]>> = {
    'one-instance': [/All well 1 web 1 up/, ({ put }) => put('web', 'web-1', { zone: 'eu-a', version: '1.0' })],
    '300-services': [/Needs attention 1/, ({ put }) => {
      for (let service = 0; service < 300; service += 1)
        for (let at = 0; at < 30; at += 1) put(`team-${service % 20}/service-${service}`, `node-${at}`, { address: `10.0.${service % 256}.${at}:80`, zone: `eu-${'abc'.charAt(at % 3)}`, version: '1.0' })
      put('team-7/service-7', 'node-3', { status: 'down', version: '1.0' })
    }],
    'all-sick': [/Needs attention 12/, ({ put }) => {
      for (let service = 0; service < 12; service += 1)
        for (let at = 0; at < 7; at += 1) put(`a-service-with-quite-a-long-name-${service}`, `an-instance-with-a-long-name-${at}.eu-central-1.example`, { status: (['down', 'draining', 'starting'] as const)[(service + at) % 3], version: '1.0.0-rc.17+build.2026', zone: 'eu-central-1a' })
    }],
    'nothing-there': [/No service is registered/, () => undefined],
    'no-answer': [/Connecting Waiting for the first listing/, ({ registry }) => registry.interrupt(3_600_000)],
  }
  it.each(Object.keys(states))('of the state %s: light, dark, a phone; nothing is wider than the page, and axe finds nothing', async name => {
    const [expected, act] = states[name] ?? [/$^/, () => undefined]
    const all = await aFleet()
    act(all)
    const program = await ui(all.registry, '--past', '0')
    const folder = 'node_modules/.cache/screenshots'
    mkdirSync(folder, { recursive: true })
    const views: Readonly<Record<string, BrowserContextOptions>> = { light: {}, dark: { colorScheme: 'dark' }, phone: { viewport: { width: 390, height: 844 }, isMobile: true } }
    for (const [view, options] of Object.entries(views)) {
      const page = await open(program.url, options)
      await shows(page, expected)
      if (name === 'no-answer') await shows(page, /^Not connected for \d+ s/, '.banner')
      expect(await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)).toBe(0)
      await page.screenshot({ path: `${folder}/board-${name}-${view}.png`, animations: 'disabled' })
      // Colours differ by view. For a large fleet axe takes a long time, so it looks at one view of it.
      if (view === 'light' || name !== '300-services') expect({ [view]: await flaws(page) }).toEqual({ [view]: [] })
    }
  })
})
