import { readdirSync } from 'node:fs'
import type { Browser, BrowserContextOptions, Frame, Locator, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { fragmentOf } from '../../docs/playground/page/share-link.js'
import { axeScript } from '../edge/board/board-page.js'
import { startChromium } from '../edge/browser/chromium.js'
import { playgroundServer, type PlaygroundServer } from './playground-server.js'

let browser: Browser
let server: PlaygroundServer
beforeAll(async () => {
  server = await playgroundServer()
  browser = await startChromium()
}, 600_000)
afterAll(async () => {
  await browser.close()
  await server.close()
}, 120_000)

const patience = { timeout: 60_000, interval: 50 }
const closing: (() => Promise<void>)[] = []
/** What pages report: errors, and what a policy has blocked. */
let complaints: string[] = []
let requests: string[] = []
afterEach(async () => {
  for (const close of closing.splice(0)) await close()
  const foreign = requests.filter(url => !url.startsWith(server.url) && !/^(blob|data|about):/.test(url))
  requests = []
  complaints = []
  expect(foreign).toEqual([])
}, 60_000)

const open = async (fragment = '', options: BrowserContextOptions = {}): Promise<Page> => {
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, ...options })
  closing.push(() => context.close())
  context.on('request', request => requests.push(request.url()))
  const page = await context.newPage()
  page.on('pageerror', error => complaints.push(error.message))
  page.on('console', message => (message.type() === 'error' ? complaints.push(message.text()) : undefined))
  await page.goto(server.url + fragment)
  return page
}
const text = async (of: Locator): Promise<string> => (await of.allInnerTexts()).join('\n').replace(/\s+/g, ' ').trim()
const shows = (of: Locator, expected: string | RegExp): Promise<void> => vi.waitFor(async () => expect(await text(of)).toMatch(expected), patience)
const row = (page: Page, name: string): Locator => page.locator(`.row:has(.name b[title="${name}"])`)
const summary = (page: Page, name: string): Locator => row(page, name).locator('.name span')
const marbles = (page: Page, name: string): Promise<readonly string[]> => row(page, name).locator('.marble').evaluateAll(all => all.map(each => each.getAttribute('aria-label') ?? ''))
const has = (page: Page, name: string, label: RegExp): Promise<void> => vi.waitFor(async () => expect((await marbles(page, name)).join('\n')).toMatch(label), patience)
const board = (page: Page): Locator => page.frameLocator('iframe').locator('.head, .banner, .body')
const lever = (page: Page, name: string): Locator => page.locator(`[data-lever="${name}"]`)
const output = (page: Page): Locator => page.locator('#log pre')
const frameOf = async (page: Page): Promise<Frame> => {
  const frame = await (await page.waitForSelector('iframe')).contentFrame()
  return frame ?? expect.fail('there is no frame')
}

/** Opens a program by its link, and runs it. */
const run = async (code: string, options?: BrowserContextOptions): Promise<Page> => {
  const page = await open(await fragmentOf(code), options)
  await page.waitForSelector('#notice:not([hidden])')
  await page.click('#run')
  return page
}

/** One service, with an instance that stays registered. */
const program = `
import { discover, register } from 'rx-discovery'
import { registry, show } from 'playground'
show('web', discover(registry, 'web'))
show('node1', register(registry, { service: 'web', id: 'node1', address: 'a:80' }, { ttl: 60 }))
`

const flaws = async (frame: Frame): Promise<readonly string[]> => {
  await frame.evaluate(axeScript())
  return frame.evaluate(async () => {
    const { axe } = globalThis as unknown as { axe: { run: (context: Document, options: object) => Promise<{ violations: { id: string; help: string; nodes: { html: string }[] }[] }> } }
    // Each frame is examined by itself.
    const { violations } = await axe.run(document, { iframes: false })
    return violations.map(({ id, help, nodes }) => `${id}: ${help}: ${nodes.map(({ html }) => html.slice(0, 120)).join(' | ')}`)
  })
}

describe('the playground in Chromium', { timeout: 240_000 }, () => {
  describe('examples', () => {
    /** What marbles show in a row; where a program prints an error on purpose, which one. */
    const shown: Readonly<Record<string, { readonly rows: readonly (readonly [row: string, label: RegExp])[]; readonly prints?: RegExp; readonly board: RegExp }>> = {
      'first-set': { rows: [['web', /live, 3 instances/], ['changes', /joined node3/], ['changes', /left node1/], ['node1', /unsubscribed/]], board: /1 gone.*node1/ },
      'lost-lease': { rows: [['node1', /lost: /], ['node1', /lost: [^]*registered, lease [^12]/], ['orders', /live, 1 instance/]], board: /orders/ },
      'stale-and-back': { rows: [['web', /stale, 2 instances/], ['web', /stale, 2 instances[^]*live, 2 instances/], ['why', /connection re/]], board: /2 up/ },
      balancing: { rows: [['calls', /: a$/m], ['calls', /: b$/m], ['calls', /Error: b answered 500/], ['statistics', /b: \{[^}]*"failures":[1-9]/]], board: /3 up/ },
      compaction: { rows: [['web', /stale, 2 instances[^]*live, 2 instances/], ['changes', /joined node3/], ['changes', /left node2/], ['history', /completed/], ['history again', /error, Compacted/]], board: /node2/ },
      drain: { rows: [['orders', /node1 10\.0\.0\.1:8080 starting/], ['orders', /8080 up/], ['orders', /8080 down/], ['node1', /draining/], ['node1', /revoked[^]*completed/]], board: /node1/ },
      'trouble-is-data': { rows: [['web', /rejected \/rx-discovery\/web\/node2/], ['web', /live, 2 instances/]], prints: /nothing catches this/, board: /2 up/ },
    }
    it('are all tested', () => {
      expect(readdirSync('docs/playground/examples').map(file => file.replace(/^\d+-|\.ts$/g, '')).sort()).toEqual(Object.keys(shown).sort())
    })

    it.each(Object.entries(shown))('%s shows what it promises', async (name, { rows, prints, board: onBoard }) => {
      const page = await open()
      await page.selectOption('#examples', name)
      for (const [of, label] of rows) await has(page, of, label)
      await shows(board(page), onBoard)
      if (prints !== undefined) await shows(output(page), prints)
      else expect(await text(output(page))).toBe('')
      if (prints === undefined) expect(complaints).toEqual([])
    })
  })

  it('runs its own first example when it is opened', async () => {
    const page = await open()
    await shows(summary(page, 'web'), /live, \d instance/)
    await shows(page.locator('#status'), 'Running.')
    expect(complaints).toEqual([])
  })

  it('transfers less than 450 kB', () => {
    expect([...server.sizes.keys()].sort()).toEqual(['frame.html', 'index.html', 'page.css', 'page.js', 'playground.js', 'rx-discovery.js', 'rxjs.js'])
    expect([...server.sizes.values()].reduce((sum, size) => sum + size, 0)).toBeLessThan(450_000)
  })

  describe('levers', () => {
    it('interrupt: the set and the board turn stale, and are live again', async () => {
      const page = await run(program)
      await shows(summary(page, 'web'), 'live, 1 instance')
      await page.selectOption('[aria-label="Interrupt for how long"]', '3000')
      await lever(page, 'interrupt').click()
      await has(page, 'web', /stale, 1 instance/)
      await shows(board(page), /Stale for .* Trying again/)
      await shows(page.locator('.pulls'), 'interrupt 3 s')
      await has(page, 'web', /stale, 1 instance[^]*live, 1 instance/)
      await shows(board(page), /live revision/)
    })

    it('freeze: nothing answers until it is restored', async () => {
      const page = await run(program)
      await shows(summary(page, 'web'), 'live, 1 instance')
      await lever(page, 'freeze').click()
      await page.waitForSelector('[data-lever="freeze"][aria-pressed="true"]')
      await shows(summary(page, 'web'), 'stale, 1 instance')
      await shows(board(page), /Stale for .* did not answer in time/)
      await lever(page, 'restore').click()
      await shows(summary(page, 'web'), 'live, 1 instance')
      await page.waitForSelector('[data-lever="freeze"][aria-pressed="false"]')
      await shows(page.locator('.pulls'), 'freeze restore')
      await shows(board(page), /live revision/)
    })

    it('deny and lag stay on until they are pressed again', async () => {
      const page = await run(program)
      await shows(summary(page, 'web'), 'live, 1 instance')
      for (const name of ['deny', 'lag']) {
        await lever(page, name).click()
        await page.waitForSelector(`[data-lever="${name}"][aria-pressed="true"]`)
        await lever(page, name).click()
        await page.waitForSelector(`[data-lever="${name}"][aria-pressed="false"]`)
      }
      await shows(page.locator('.pulls'), 'deny allow lag catch up')
    })

    it('expire: the instance leaves, and comes back with another lease', async () => {
      const page = await run(program)
      await shows(page.locator('[aria-label="Which lease expires"]'), '1: web/node1')
      await lever(page, 'expire').click()
      await has(page, 'node1', /registered, lease 1[^]*lost: [^]*registered, lease 2/)
      await has(page, 'web', /live, 0 instances[^]*live, 1 instance/)
      await shows(page.locator('[aria-label="Which lease expires"]'), '2: web/node1')
      await shows(board(page), /Journal.*joined/i)
    })

    it('compact: the past can no longer be read', async () => {
      const page = await run(`${program}
import { history } from 'rx-discovery'
import { interval, take } from 'rxjs'
show('history', history(registry, 'web', { from: 1 }))
let times = 0
addEventListener('message', ({ data }) => { if (data.lever === 'compact') show('after ' + (times += 1), history(registry, 'web', { from: 1 })) })`)
      await has(page, 'history', /completed/)
      await lever(page, 'compact').click()
      await has(page, 'after 1', /error, Compacted/)
      await shows(board(page), /1 up/)
    })

    it('rewind: the registry restarts with an older content, and the registration puts its key again', async () => {
      const page = await run(`${program}
registry.write('/rx-discovery/web/node2', JSON.stringify({ v: 1, address: 'b:80' }))`)
      await shows(summary(page, 'web'), 'live, 2 instances')
      await page.fill('[aria-label="Rewind to which revision"]', '1')
      await lever(page, 'rewind').click()
      await has(page, 'web', /live, 2 instances[^]*live, 1 instance/)
      await shows(page.locator('.pulls'), 'rewind to 1')
      await shows(board(page), /node2.*gone|gone.*node2/)
    })

    it('an impossible revision is an error in the output, and the program goes on', async () => {
      const page = await run(program)
      await shows(summary(page, 'web'), 'live, 1 instance')
      await page.fill('[aria-label="Rewind to which revision"]', '99')
      await lever(page, 'rewind').click()
      await shows(output(page), /InvalidArgument: .*must be a revision from 1 to 2, got 99/)
      await shows(summary(page, 'web'), 'live, 1 instance')
    })
  })

  describe('a link', () => {
    it('runs nothing before the click', async () => {
      const page = await open(await fragmentOf(`${program}\nconsole.log('it runs')`))
      await shows(page.locator('#notice'), 'This program came with the link. Read it, then press Run.')
      await shows(page.locator('.cm-content'), /it runs/)
      expect(await page.locator('iframe').count()).toBe(0)
      expect(requests.filter(url => /frame|playground\.js|rxjs/.test(url))).toEqual([])
      await page.click('#run')
      await shows(output(page), 'it runs')
      expect(await page.locator('#notice').isVisible()).toBe(false)
    })

    it('made by Share holds the program, with any characters', async () => {
      const page = await run(`console.log('grüß dich, 世界 <b>')`, { permissions: ['clipboard-read', 'clipboard-write'] })
      await shows(output(page), 'grüß dich, 世界 <b>')
      await page.click('.cm-content')
      await page.keyboard.press('Control+End')
      await page.keyboard.type(' // and more')
      await page.click('#share')
      await shows(page.locator('#status'), 'The link is copied.')
      const link = await page.evaluate(() => navigator.clipboard.readText())
      expect(link).toBe(page.url())
      const other = await open(new URL(link).hash)
      await shows(other.locator('.cm-content'), "console.log('grüß dich, 世界 <b>') // and more")
    })

    it('that is opened while another program runs stops that one', async () => {
      const page = await run(program)
      await shows(summary(page, 'web'), 'live, 1 instance')
      await page.evaluate(fragment => void (location.hash = fragment), await fragmentOf('console.log("the second")'))
      await shows(page.locator('.cm-content'), /the second/)
      expect(await page.locator('iframe').count()).toBe(0)
      expect(await text(output(page))).toBe('')
    })

    it('that is broken says so, and one that unpacks to far more is refused', async () => {
      for (const fragment of ['#code=%%%', '#code=AAAA', await fragmentOf('x'.repeat(10_000_000))]) {
        const page = await open(fragment)
        await shows(page.locator('#notice'), /holds no program that can be read/)
        expect(await page.locator('iframe').count()).toBe(0)
      }
    })
  })

  describe('the sandbox', () => {
    it('keeps a program away from the page, from what is stored, and from the network', async () => {
      const page = await open()
      await page.evaluate(() => localStorage.setItem('secret', 'of the page'))
      const before = server.asked().length
      await page.evaluate(fragment => void (location.hash = fragment), await fragmentOf(`
        const attempts = {
          document: () => parent.document.title,
          top: () => { top.location.href = ${JSON.stringify(server.url)} + '?top' },
          storage: () => localStorage.getItem('secret'),
          session: () => sessionStorage.length,
          cookies: () => document.cookie,
          databases: () => indexedDB.open('x'),
          fetch: () => fetch(${JSON.stringify(server.url)} + 'page.js'),
          script: () => import(${JSON.stringify(server.url)} + 'page.js'),
          request: () => new Promise((resolve, reject) => {
            const request = new XMLHttpRequest()
            request.open('GET', ${JSON.stringify(server.url)})
            request.onload = resolve
            request.onerror = () => reject(new Error('refused'))
            request.send()
          }),
          image: () => new Promise((resolve, reject) => {
            const image = new Image()
            image.onload = resolve
            image.onerror = () => reject(new Error('refused'))
            image.src = ${JSON.stringify(server.url)} + '?image'
          }),
          socket: () => new Promise((resolve, reject) => {
            const socket = new WebSocket(${JSON.stringify(server.url.replace('http', 'ws'))})
            socket.onopen = resolve
            socket.onerror = () => reject(new Error('refused'))
          }),
          beacon: () => { if (!navigator.sendBeacon(${JSON.stringify(server.url)} + '?beacon')) throw new Error('refused') },
          window: () => { if (window.open(${JSON.stringify(server.url)} + '?window') === null) throw new Error('refused') },
          worker: () => new Promise((resolve, reject) => {
            const worker = new Worker(URL.createObjectURL(new Blob(['postMessage(1)'])))
            worker.onmessage = resolve
            worker.onerror = () => reject(new Error('refused'))
          }),
          eval: () => eval('1'),
        }
        for (const [name, attempt] of Object.entries(attempts))
          try {
            await attempt()
            console.log(name, 'works')
          } catch (error) {
            console.log(name, 'is refused')
          }
        console.log('done')
      `))
      await page.waitForSelector('#notice:not([hidden])')
      const sent = server.asked().length
      await page.click('#run')
      await shows(output(page), /done$/)
      const lines = (await text(output(page))).split(/(?<=refused|works) /)
      // What a beacon returns does not show whether it was sent.
      expect(lines.filter(line => !line.endsWith('is refused') && !line.startsWith('beacon'))).toEqual(['done'])
      expect(new URL(page.url()).search).toBe('')
      expect(server.asked().slice(Math.max(before, sent)).filter(path => path !== '/playground/frame.html')).toEqual([])
    })

    it('cannot be left by another address', async () => {
      await run(`location.href = 'http://127.0.0.1:9/?leak'`)
      await vi.waitFor(() => expect(complaints.join('\n')).toMatch(/frame-src|Framing/), patience)
    })

    it('shows HTML of a program as text', async () => {
      const html = '<img src=x onerror="document.title=1"><b id=injected>'
      const page = await run(`
import { of } from 'rxjs'
import { registry, show } from 'playground'
import { discover, serviceInstance } from 'rx-discovery'
const html = ${JSON.stringify(html)}
show(html, of(html))
show('web', discover(registry, 'web'))
registry.write('/rx-discovery/web/a', JSON.stringify({ v: 1, address: 'a:80', version: html, metadata: { html } }))
registry.write('/rx-discovery/web/' + html.replaceAll('/', ''), html)
console.log(html)
throw new Error(html)`)
      await shows(output(page), /Error: <img src=x/)
      await has(page, 'web', /version|<img/)
      await shows(board(page), /a:80/)
      await row(page, 'web').locator('.marble').last().hover()
      await shows(page.locator('.tip'), /<img src=x/)
      for (const frame of page.frames()) expect(await frame.locator('#injected, img').count()).toBe(0)
    })

    it('has no say beyond its frame: messages of other windows, and of wrong shapes, change nothing', async () => {
      const page = await run(`${program}
for (const data of [null, 1, 'x', [], {}, { type: 'row' }, { type: 'row', row: -1, name: 'wrong' }, { type: 'row', row: 7, name: 'wrong' }, { type: 'marbles', marbles: 5 }, { type: 'marbles', marbles: [null, { row: 0 }, { row: 0, at: NaN, sign: 'next', tone: 'live', label: 'x', text: 'wrong' }] }, { type: 'state', revision: 'wrong' }, { type: 'lines', lines: [{ level: 'wrong', text: 'wrong' }] }])
  parent.postMessage(data, '*')
console.log('sent')`)
      await shows(output(page), 'sent')
      await page.evaluate(() => postMessage({ type: 'lines', lines: [{ level: 'log', text: 'forged' }], skipped: 0 }, '*'))
      await shows(summary(page, 'web'), 'live, 1 instance')
      expect(await text(page.locator('.levers, .streams, .log'))).not.toMatch(/wrong|forged/)
      expect(complaints).toEqual([])
    })
  })

  describe('a program that fails', () => {
    it.each([
      ['throws in a loop', `import { interval } from 'rxjs'\n\ninterval(10).subscribe(each => { throw new Error('wrong ' + each) })`, /Error: wrong 0 \(line 3\) Error: wrong 1/],
      ['throws at once', `\nconst x: number = 1\nthrow new TypeError('at once')`, /TypeError: at once \(line 3\)/],
      ['rejects', `void Promise.reject(new Error('not caught'))`, /Error: not caught/],
      ['is no TypeScript', `const x = ;\n`, /Unexpected token \(1:\d+\)/],
      ['imports what is not there', `import { nothing } from 'rx-discovery'\nnothing()`, /does not provide an export named 'nothing'/],
      ['imports from a wrong subpath', `import { memoryRegistry } from 'rx-discovery'\nmemoryRegistry()`, /does not provide an export named 'memoryRegistry'/],
      ['imports another package', `import x from 'lodash'\nx()`, /Failed to resolve module specifier "lodash".* Import from 'rxjs', 'rx-discovery'/],
      ['shows what is no stream', `import { show } from 'playground'\nshow('x', 5 as never)`, /TypeError: show\(name, stream\$\): stream\$ must be an Observable, got 5/],
      ['shows too many', `import { show } from 'playground'\nimport { of } from 'rxjs'\nfor (let i = 0; i < 13; i += 1) show('x' + i, of(i))`, /there is room for 12 rows/],
    ])('%s: the output shows the error', async (_, code, error) => {
      const page = await run(code)
      await shows(output(page), error)
      await shows(page.locator('#status'), /see the output/)
    })

    it('prints and emits without end: the page stays usable, and counts what it leaves out', async () => {
      const page = await run(`
import { range } from 'rxjs'
import { show } from 'playground'
show('many', range(0, 100_000))
for (let i = 0; i < 10_000; i += 1) console.log('line ' + i)`)
      await shows(output(page), /more lines came too fast/)
      await shows(page.locator('.streams .hint'), /values came too fast to be drawn/)
      expect((await marbles(page, 'many')).length).toBeLessThanOrEqual(400)
      await page.click('#stop')
      await shows(page.locator('#status'), 'Stopped.')
    })

    it('loops for ever: the page says so, and Stop ends it', async () => {
      const page = await run(`for (;;) { /* for ever */ }`)
      await shows(page.locator('#status'), /does not answer/)
      await page.click('#stop')
      await shows(page.locator('#status'), 'Stopped.')
      await page.selectOption('#examples', 'first-set')
      await shows(summary(page, 'web'), /live/)
    })
  })

  it('is operated by keyboard: run, marbles, and leaving the editor', async () => {
    const page = await open(await fragmentOf(`import { of } from 'rxjs'\nimport { show } from 'playground'\nshow('letters', of('a', 'b', 'c'))`))
    await page.waitForSelector('#notice:not([hidden])')
    await page.click('.cm-content')
    await page.keyboard.press('Control+Enter')
    await has(page, 'letters', /completed/)
    const focused = (): Promise<string> => page.evaluate(() => document.activeElement?.getAttribute('aria-label') ?? document.activeElement?.id ?? '')
    await page.keyboard.press('Tab')
    expect(await focused()).toBe('Output')
    await row(page, 'letters').locator('[tabindex="0"]').focus()
    expect(await focused()).toMatch(/: completed$/)
    await page.keyboard.press('ArrowLeft')
    expect(await focused()).toMatch(/: c$/)
    await page.keyboard.press('Home')
    expect(await focused()).toMatch(/: a$/)
    await shows(page.locator('.tip'), /s a$/)
    await page.keyboard.press('Escape')
    expect(await page.locator('.tip').isVisible()).toBe(false)
  })

  it('stops the time lines with the program, and keeps them readable', async () => {
    const page = await run(program)
    await shows(summary(page, 'web'), 'live, 1 instance')
    await page.click('#stop')
    expect(await page.locator('iframe').count()).toBe(0)
    expect(await lever(page, 'freeze').isDisabled()).toBe(true)
    expect((await marbles(page, 'web')).length).toBeGreaterThan(0)
  })

  it.each([
    ['light', { colorScheme: 'light' }],
    ['dark', { colorScheme: 'dark' }],
    ['a phone', { viewport: { width: 390, height: 844 }, colorScheme: 'light' }],
  ] as const)('%s: axe finds nothing, and nothing is wider than the page', async (name, options) => {
    const page = await open('', { ...options, reducedMotion: 'reduce' })
    await page.selectOption('#examples', 'stale-and-back')
    await has(page, 'web', /stale, 2 instances[^]*live, 2 instances/)
    // Chromium does not draw a frame that is out of sight.
    await page.locator('iframe').scrollIntoViewIfNeeded()
    await shows(board(page), /2 up/)
    if (process.env['SCREENSHOTS'] !== undefined) await page.screenshot({ path: `${process.env['SCREENSHOTS']}/playground-${name.replaceAll(' ', '-')}.png`, fullPage: name === 'a phone' })
    const frame = await frameOf(page)
    const findings = [...(await flaws(page.mainFrame())), ...(await flaws(frame))]
    expect(findings).toEqual([])
    expect(await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)).toBeLessThanOrEqual(0)
  })
})
