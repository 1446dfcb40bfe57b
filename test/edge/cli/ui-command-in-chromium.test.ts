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
  it('shows services and instances with their fields, and each change as it comes', async () => {
    const { registry, put } = await aFleet()
    put('web', 'a', { zone: 'eu', version: '1.2', weight: 3, tags: ['canary'] })
    put('shop/orders', 'b')
    const page = await open((await ui(registry)).url)
    await shows(page, /^a up a:80 eu 1\.2 3 canary ≥ \d+ (s|min)/, row('web/a'))
    await shows(page, /All well 2 shop\/orders 1 up/)
    await shows(page, /live revision \d+/, '.pulse')
    // How soon is measured by the benchmark, on a machine that does nothing else.
    put('web', 'a', { zone: 'eu', version: '2.0' })
    await shows(page, /^a up a:80 eu 2\.0 1/, row('web/a'))
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
    // Of mail nothing is left; of web one is down.
    await shows(page, /Needs attention 2 mail 0 up, 1 gone .*web 1 of 2 up, 1 gone /)
    await shows(page, /^b down/, row('web/b'))
    await shows(page, /^c gone/, row('web/c'))
    await shows(page, /^m gone/, row('mail/m'))
    await shows(page, /^1 service, 1 gone 2 instances 1 up 0 starting 0 draining 1 down 2 gone$/, '.numbers')
  })

  it('is clearly stale, with its age, while the registry does not answer; nothing vanishes', async () => {
    const { registry, put } = await aFleet()
    put('web', 'a')
    const page = await open((await ui(registry)).url)
    await shows(page, /a up/)
    await shows(page, /live/, '.pulse')
    const colours = (): Promise<readonly string[]> => Promise.all(['.number.up b', '.service .state.up'].map(selector => page.locator(selector).first().evaluate(element => getComputedStyle(element).color)))
    const [green] = await colours()
    registry.interrupt(3_600_000)
    await shows(page, /^Stale for \d+ s.*does not answer.*What you see was last confirmed at/, '.banner')
    const age = async (): Promise<number> => Number(/for (?:(\d+) s)/.exec(await text(page, '.banner'))?.[1] ?? 99)
    const before = await age()
    await vi.waitFor(async () => expect(await age()).toBeGreaterThan(before), patience)
    await shows(page, /^a up/, row('web/a'))
    await shows(page, /stale/, '.journal')
    await shows(page, /^last known$/, '.where')
    // Nothing looks well that is not confirmed.
    const grey = await colours()
    expect(grey).not.toContain(green)
    expect(new Set(grey).size).toBe(1)
    expect(await flaws(page)).toEqual([])
    // The banner of the past names the outage, too.
    const other = await open(`${page.url()}?at=1`)
    await shows(other, /^The past .*Meanwhile the registry does not answer\./, '.banner')
  })

  it('before the first answer shows that nothing was received, with one age, and no numbers', async () => {
    const { registry, put } = await aFleet()
    put('web', 'a')
    registry.interrupt(3_600_000)
    const page = await open((await ui(registry, '--past', '0')).url)
    await shows(page, /^No answer yet after \d+ (s|min) .* does not answer\. Trying again\.$/, '.banner')
    await shows(page, /^no answer yet$/, '.pulse')
    await shows(page, /^– services – instances – up – starting – draining – down – gone$/, '.numbers')
    await shows(page, /^Nothing was received yet Services appear with the first answer Journal Nothing was received yet\.$/)
    expect(await text(page, '.time').catch(() => '')).toBe('')
  })

  it('shows what was recorded as such, with its age, while the registry has not answered', async () => {
    const { registry, put } = await aFleet()
    put('web', 'a')
    const recording = await (await fetch(`${(await ui(registry)).url}recording`)).text()
    registry.interrupt(3_600_000)
    const more = (request: IncomingMessage, response: ServerResponse): boolean => request.url === '/recording' && response.end(recording) === response
    const { url } = own(await boardServer(registry, script, { attributes: 'link recording="/recording"', more }))
    const page = await open(new URL('/', url).href)
    await shows(page, /^a up/, row('web/a'))
    await shows(page, /^not live yet revision \d+$/, '.pulse')
    await shows(page, /^No answer yet after \d+ (s|min) .*What you see was recorded before: .*\. Trying again\.$/, '.banner')
    await shows(page, /^last known$/, '.where')
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
    await shows(page, /No service was registered At this revision there was none Journal No earlier change is known\./)
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

  it('filters by text, status, zone, version, tag, metadata and sickness, and keeps all of them in its URL', async () => {
    const { registry, put } = await aFleet()
    put('web', 'a', { zone: 'eu', version: '1', tags: ['canary'], metadata: { rack: 'r1' } })
    put('web', 'b', { zone: 'us', version: '2', status: 'draining', metadata: { rack: 'r2' } })
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
    await page.getByRole('button', { name: 'Clear' }).click()
    const metadata = page.getByRole('combobox', { name: 'Metadata' })
    await metadata.fill('rack')
    await shows(page, /2 of 3 instances/, '.filters')
    await metadata.fill('rack=r2')
    await shows(page, /^b draining/, 'tbody tr')
    await vi.waitFor(() => expect(new URL(page.url()).search).toBe('?meta=rack%3Dr2'), patience)
    expect(await page.locator('datalist option').evaluateAll(options => options.map(option => (option as HTMLOptionElement).value))).toEqual(['rack', 'rack=r1', 'rack=r2'])
  })

  it('filters instances and the journal; numbers and time line are of the whole fleet, which the page says', async () => {
    const { registry, put, remove } = await aFleet()
    for (const id of ['a', 'b', 'c']) put('web', id, { zone: id === 'a' ? 'eu' : 'us' })
    const page = await open((await ui(registry, '--past', '0')).url)
    await shows(page, /3 up/)
    // One after the other, since what comes at once is one change.
    put('web', 'a', { zone: 'eu', version: '2' })
    await shows(page, /1 change /, '.time')
    remove('web', 'b')
    await shows(page, /2 changes /, '.time')
    registry.write('/rx-discovery/orders/by-hand', '{')
    await shows(page, /3 changes /, '.time')
    await page.getByRole('combobox', { name: 'zone' }).selectOption('eu')
    await shows(page, /1 of 2 instances, 0 of 1 gone, 0 of 1 unreadable pass the filters\. The numbers above and the time line show the whole fleet\./, '.filters')
    await shows(page, /^Journal 1 of 3 pass ~ web\/a updated/, '.journal')
    await shows(page, /3 changes of the whole fleet/, '.axis')
    await shows(page, /^2 services 2 instances 2 up .* 1 gone 1 unreadable$/, '.numbers')
    await shows(page, /web 2 up, 1 gone .*1 of 3 shown/)
    await page.getByRole('button', { name: 'Clear' }).click()
    await page.getByRole('checkbox', { name: 'Only the sick' }).check()
    // Its only trouble is an entry that cannot be read.
    await shows(page, /orders .*1 entry cannot be read/)
    expect(await page.locator('tbody tr').count()).toBe(1)
    await page.getByRole('button', { name: 'Clear' }).click()
    await page.getByRole('button', { name: '1 unreadable' }).click()
    await shows(page, /^Needs attention 1 orders 0 up .*1 entry cannot be read/)
    expect(new URL(page.url()).search).toBe('?status=unreadable')
  })

  it('shows what happened to many at once in one line, in red if it is bad', async () => {
    const { registry, put } = await aFleet()
    for (let at = 0; at < 12; at += 1) put('web', `web-${at}`)
    const page = await open((await ui(registry, '--past', '0')).url)
    await shows(page, /12 up/)
    for (let at = 0; at < 5; at += 1) put('web', `web-${at}`, { status: 'down' })
    await shows(page, /web 5 changed status up → down: web-0, web-1, web-2 …/, '.journal .bad')
    expect(await page.locator('.track path.bad').getAttribute('d')).not.toBe('')
    expect(await page.locator('.track path.other').getAttribute('d')).toBe('')
    await shows(page, /1 change joined or up changed left, down or unreadable/, '.axis')
  })

  it('does not pretend to know a revision, or an instance, that a link asks for', async () => {
    const { registry, put, remove } = await aFleet()
    put('web', 'a')
    put('web', 'b')
    remove('web', 'b')
    const { url } = await ui(registry)
    const later = await open(`${url}?at=99999`)
    await shows(later, /^The past This is the fleet as of revision 4\. It is the latest that is known: revision 99,999 has not been seen\. Back to live$/, '.banner')
    await shows(later, /^past revision 4$/, '.pulse')
    const nobody = await open(`${url}?show=web%2Fnobody`)
    await shows(nobody, /^web\/nobody × Not registered\. No line of the journal says that it left\.$/, '.details')
    const notYet = await open(`${url}?show=web%2Fb&at=2`)
    await shows(notYet, /^web\/b × Not registered at this revision\./, '.details')
    expect(await flaws(notYet)).toEqual([])
    await notYet.keyboard.press('Escape')
    await vi.waitFor(() => expect(new URL(notYet.url()).search).toBe('?at=2'), patience)
  })

  it('copies a link to what it shows; where the browser refuses, it shows the link', async () => {
    const { registry, put } = await aFleet()
    put('web', 'a')
    const { url } = await ui(registry)
    const page = await open(`${url}?zone=eu`)
    await page.context().grantPermissions(['clipboard-read', 'clipboard-write'])
    await page.getByRole('button', { name: 'Copy link' }).click()
    await page.getByRole('button', { name: 'Copied' }).waitFor()
    expect(await page.evaluate(() => navigator.clipboard.readText())).toBe(`${url}?zone=eu`)
    await page.evaluate(() => Object.defineProperty(navigator, 'clipboard', { value: undefined }))
    await page.getByRole('button', { name: 'Copy link' }).click({ timeout: 60_000 })
    const address = page.getByRole('textbox', { name: 'The link' })
    expect(await address.inputValue()).toBe(`${url}?zone=eu`)
    expect(await address.evaluate(field => [field.matches(':focus'), getSelection()?.toString()])).toEqual([true, `${url}?zone=eu`])
    expect(await flaws(page)).toEqual([])
    // A board that does not keep its state in the URL of its page has no link to it.
    const { url: other } = own(await boardServer(registry, script, { attributes: '' }))
    const embedded = await open(new URL('/', other).href)
    await shows(embedded, /a up/)
    expect(await embedded.getByRole('button', { name: 'Copy link' }).count()).toBe(0)
  })

  it('orders services and instances as people count', async () => {
    const { registry, put } = await aFleet()
    for (const service of ['service-100', 'service-20', 'service-3']) for (const id of ['node-10', 'node-9']) put(service, id)
    const page = await open((await ui(registry)).url)
    await shows(page, /All well 3 service-3 .*node-9 .*node-10 .*service-20 .*service-100/)
  })

  it('shows long names whole, whatever the width of the page', async () => {
    const { registry, put } = await aFleet()
    const long = (end: number): string => `a-name-that-is-very-long-and-differs-only-at-its-end.eu-central-1.example.${end}`
    const address = 'a-host-with-a-long-name.eu-central-1.example:8080'
    for (const end of [1, 2]) put(long(end), long(end), { address, version: `1.0.0-rc.17+build.2026.${end}`, zone: 'eu-central-1a' })
    put(long(1), long(3), { address, status: 'down' })
    for (const viewport of [{ width: 1360, height: 820 }, { width: 390, height: 844 }]) {
      for (const query of ['', '?sick=1']) {
        const page = await open(`${(await ui(registry)).url}${query}`, { viewport })
        await shows(page, /down/)
        const cut = await page.evaluate(() => [...(document.querySelector('rx-discovery-board')?.shadowRoot?.querySelectorAll<HTMLElement>('.body *') ?? [])].filter(({ scrollWidth, clientWidth, classList, tagName }) => clientWidth > 0 && scrollWidth > clientWidth && !classList.contains('unseen') && tagName !== 'THEAD').map(({ outerHTML }) => outerHTML.slice(0, 200)))
        expect(cut).toEqual([])
      }
    }
  })

  it('has enough contrast for graphics and texts that axe does not look at, in both schemes', async () => {
    const { registry, put, remove } = await aFleet()
    for (const [at, status] of ['up', 'starting', 'draining', 'down'].entries()) put('web', `node-${at}`, { status })
    put('web', 'left')
    const program = await ui(registry)
    for (const colorScheme of ['light', 'dark'] as const) {
      const page = await open(program.url, { colorScheme })
      await shows(page, /draining/)
      remove('web', 'left')
      await shows(page, /left gone/)
      const measured = await page.evaluate(() => {
        const board = document.querySelector('rx-discovery-board')?.shadowRoot
        const context = document.createElement('canvas').getContext('2d')
        const luminance = (colour: string): number => {
          if (context === null) return 0
          context.clearRect(0, 0, 1, 1)
          context.fillStyle = colour
          context.fillRect(0, 0, 1, 1)
          const [red = 0, green = 0, blue = 0] = [...context.getImageData(0, 0, 1, 1).data].map(value => (value / 255 <= 0.03928 ? value / 255 / 12.92 : ((value / 255 + 0.055) / 1.055) ** 2.4))
          return 0.2126 * red + 0.7152 * green + 0.0722 * blue
        }
        const ratio = (a: string, b: string): number => {
          const [low = 0, high = 0] = [luminance(a), luminance(b)].sort((one, other) => one - other)
          return (high + 0.05) / (low + 0.05)
        }
        const groundOf = (element: Element | null): string => {
          for (let each = element; each !== null; each = each.parentElement) {
            const { backgroundColor } = getComputedStyle(each)
            if (!/, 0\)$|transparent/.test(backgroundColor)) return backgroundColor
          }
          const host = document.querySelector('rx-discovery-board')
          return host === null ? '' : getComputedStyle(host).backgroundColor
        }
        const found: [what: string, ratio: number, least: number][] = []
        const look = (selector: string, property: 'fill' | 'stroke' | 'color' | 'borderTopColor', least: number, pseudo?: string): void => {
          for (const element of board?.querySelectorAll(selector) ?? []) {
            const style = getComputedStyle(element, pseudo)
            const opacity = Number(style.opacity) * Number(getComputedStyle(element).opacity)
            found.push([`${selector}${pseudo ?? ''} ${element.getAttribute('class') ?? ''}`, opacity < 1 ? 0 : ratio(style[property], groundOf(property === 'borderTopColor' ? element.parentElement : element)), least])
          }
        }
        look('.squares path:not(.gone)', 'fill', 3)
        look('.squares path.gone', 'stroke', 3)
        look('.track path:not(.base)', 'fill', 3)
        look('.filters input', 'color', 4.5, '::placeholder')
        look('.filters input:not([type=checkbox]), .filters select, .toggle', 'borderTopColor', 3)
        look('button:disabled', 'color', 4.5)
        return found
      })
      expect(new Set(measured.map(([what]) => what.split(' ')[0])).size).toBeGreaterThanOrEqual(4)
      expect(measured.filter(([, ratio, least]) => ratio < least)).toEqual([])
    }
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

  it('can be used by keyboard alone: Tab goes from top to bottom, / to the filter, Escape back', async () => {
    const { registry, put } = await aFleet()
    for (let at = 0; at < 100; at += 1) put('web', `node${at}`)
    put('orders', 'one')
    const page = await open((await ui(registry, '--past', '0')).url)
    await shows(page, /100 up/)
    put('orders', 'one', { status: 'down' })
    await shows(page, /1 change /, '.time')
    const focused = (): Promise<{ readonly name: string; readonly ring: string }> =>
      page.evaluate(() => {
        const element = document.querySelector('rx-discovery-board')?.shadowRoot?.activeElement
        const labelled = element instanceof HTMLInputElement ? element.labels?.[0] : element
        const name = element?.getAttribute('aria-label') ?? (labelled as HTMLElement | null | undefined)?.innerText.trim().replace(/\s+/g, ' ') ?? ''
        const ringed = element?.getAttribute('type') === 'range' ? element.parentElement : element
        return { name, ring: ringed instanceof Element ? getComputedStyle(ringed).outlineStyle : '' }
      })
    const names: string[] = []
    for (let step = 0; step < 40; step += 1) {
      await page.keyboard.press('Tab')
      const { name, ring } = await focused()
      if (name === '') break
      expect([name, ring === 'none' ? 'no ring' : 'ring']).toEqual([name, 'ring'])
      names.push(name)
    }
    expect(names.map(name => name.replace(/now|\d+ s ago|\d\d:\d\d:\d\d/, '…').trim())).toEqual([
      ...['100 up', '0 starting', '0 draining', '1 down', '0 gone'],
      ...['Text in any field', 'status', 'zone', 'version', 'tag', 'Metadata: key or key=value', 'Only the sick', 'Copy link'],
      ...['orders', 'down one …', 'web', 'What has happened, latest first', 'orders/one', '… · revision 103'],
      ...['Back to the change before', 'Play the changes', 'Revisions that changed something'],
    ])
    await page.keyboard.press('/')
    expect((await focused()).name).toBe('Text in any field')
    await page.keyboard.type('web')
    await shows(page, /100 of 101 instances/, '.filters')
    await page.keyboard.press('Escape')
    await vi.waitFor(async () => expect(await page.locator('.found').count()).toBe(0), patience)
    await page.getByRole('button', { name: 'web', exact: true }).focus()
    await page.keyboard.press('Enter')
    await vi.waitFor(async () => expect(await page.locator('tbody tr').count()).toBe(100), patience)
    await page.keyboard.press('Tab')
    await page.keyboard.press('Enter')
    await shows(page, /web \/ node0/, '.details')
    await page.keyboard.press('Escape')
    await vi.waitFor(async () => expect(await page.locator('.details').count()).toBe(0), patience)
    expect((await focused()).name).toBe('node0')
  })

  it('on a phone has one line of head, folds the filters, and shows all facts of an instance', async () => {
    const { registry, put } = await aFleet()
    put('web', 'a', { zone: 'eu', version: '1.2', weight: 3, tags: ['canary'] })
    put('web', 'b', { status: 'down' })
    const page = await open((await ui(registry, '--heading', 'Production')).url, { viewport: { width: 390, height: 844 }, isMobile: true })
    await shows(page, /^a up a:80 eu 1\.2 3 canary ≥ \d+ (s|min)/, row('web/a'))
    await shows(page, /^1 up 1 down$/, '.brief')
    const height = async (selector: string): Promise<number> => (await page.locator(selector).boundingBox())?.height ?? 0
    expect(await height('.head')).toBeLessThan(50)
    expect((await height('.head')) + (await height('.filters')) + (await height('.time'))).toBeLessThan(844 / 3)
    expect(await page.getByRole('combobox', { name: 'zone' }).isVisible()).toBe(false)
    await page.getByRole('button', { name: 'Filters', exact: true }).click()
    await page.getByRole('combobox', { name: 'zone' }).selectOption('eu')
    await page.getByRole('button', { name: '1 up' }).click()
    expect(await flaws(page)).toEqual([])
    await page.getByRole('button', { name: 'Filters (2)' }).click()
    await shows(page, /1 of 2 instances pass the filters/, '.filters')
    expect(await page.getByRole('row').count()).toBe(2)
    expect(await page.getByRole('rowheader', { name: 'a' }).count()).toBe(1)
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
    const readOnly = await ui(registry)
    const reader = await open(`${readOnly.url}#token=${program.token}`)
    await reader.locator('.name[data-name="web/one"]').click()
    await shows(reader, /one/, '.details')
    expect(await reader.getByRole('button', { name: 'Drain…' }).count()).toBe(0)
    const refused = await reader.evaluate(async () => {
      const init = { method: 'POST', headers: { 'content-type': 'application/json', 'x-rx-discovery-token': sessionStorage.getItem('rx-discovery token') ?? '' }, body: '{"service":"web","id":"one","last":true}' }
      return Promise.all(['drain', 'give-back'].map(async what => (await fetch(`control/${what}`, init)).status))
    })
    expect(refused).toEqual([403, 403])
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
  const shoot = async (page: Page, name: string): Promise<void> => {
    const folder = process.env['SCREENSHOTS'] ?? 'node_modules/.cache/screenshots'
    mkdirSync(folder, { recursive: true })
    await page.screenshot({ path: `${folder}/board-${name}.png`, animations: 'disabled' })
    expect({ [name]: await flaws(page) }).toEqual({ [name]: [] })
  }

  it('of a fleet in trouble: light, dark, a phone, the past, filters that nothing passes, stale; axe finds nothing in any', async () => {
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
    const empty = await open(`${program.url}?q=web&zone=eu-b&status=draining`)
    await shows(empty, /Nothing passes the filters/)
    await shoot(empty, 'no-match')
    registry.interrupt(3_600_000)
    // An age that can be seen.
    await shows(empty, /^Stale for \d\d s/, '.banner')
    await empty.getByRole('button', { name: 'Clear' }).click()
    await shows(empty, /Needs attention/)
    await shoot(empty, 'stale')
  })

  it('of an operator who drains an instance; axe finds nothing', async () => {
    const { registry, put } = await aFleet()
    for (const id of ['web-1', 'web-2', 'web-3']) put('web', id, { zone: 'eu-a', version: '2.14.0' })
    const registrations = ['one', 'two'].map(id => register(registry, { service: 'orders', id: `orders-${id}`, address: '10.20.6.10:8080', zone: 'eu-b', version: '1.9.3' }, { ttl: 60 }).subscribe())
    own({ close: () => registrations.forEach(each => each.unsubscribe()) })
    const program = await ui(registry, '--heading', 'Production', '--past', '0', '--allow-override')
    const page = await open(`${program.url}#token=${program.token}`)
    await page.locator('.name[data-name="orders/orders-one"]').click()
    await page.getByRole('button', { name: 'Drain…' }).click()
    await page.getByRole('button', { name: 'Drain it' }).click()
    await shows(page, /orders\/orders-one drained by an operator/, '.journal')
    await shows(page, /^orders-one draining/, row('orders/orders-one'))
    await shows(page, /An operator's override asks for draining/, '.operate')
    await shows(page, /s of 60 s left/, '[data-ttl]')
    await shoot(page, 'drain')
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
    'no-answer': [/Nothing was received yet/, ({ registry }) => registry.interrupt(3_600_000)],
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
      if (name === 'no-answer') await shows(page, /^No answer yet after \d+ s/, '.banner')
      expect(await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)).toBe(0)
      await page.screenshot({ path: `${folder}/board-${name}-${view}.png`, animations: 'disabled' })
      // Colours differ by view. For a large fleet axe takes a long time, so it looks at one view of it.
      if (view === 'light' || name !== '300-services') expect({ [view]: await flaws(page) }).toEqual({ [view]: [] })
    }
  })
})
