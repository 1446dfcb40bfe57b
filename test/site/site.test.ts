import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { extname, join } from 'node:path'
import { createRequire } from 'node:module'
import type { Browser, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { startChromium } from '../edge/browser/chromium.js'

const folder = 'docs/.vitepress/dist'
const types: Readonly<Record<string, string>> = { '.css': 'text/css', '.html': 'text/html', '.js': 'text/javascript', '.json': 'application/json', '.svg': 'image/svg+xml', '.txt': 'text/plain' }

let server: Server
let browser: Browser
let origin: string
beforeAll(async () => {
  // `npm run docs` comes before in .ci/run.
  if (!existsSync(join(folder, 'index.html'))) execFileSync('npm', ['run', 'docs'], { stdio: 'inherit' })
  server = createServer(({ url = '/' }, response) => {
    const path = join(folder, decodeURIComponent(new URL(url, 'http://host').pathname))
    const file = path.endsWith('/') ? `${path}index.html` : path
    if (existsSync(file)) response.setHeader('content-type', types[extname(file)] ?? 'application/octet-stream').end(readFileSync(file))
    else response.writeHead(404).end()
  }).listen(0, '127.0.0.1')
  browser = await startChromium()
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
})
afterAll(async () => {
  await browser.close()
  server.close()
})

/** What went wrong in the pages of a test: errors on the console, and requests to other hosts. */
const problems: string[] = []
const opened: Page[] = []
afterEach(async () => {
  for (const page of opened.splice(0)) await page.context().close()
  expect(problems.splice(0)).toEqual([])
})
const open = async (path: string, options: { readonly width?: number; readonly colorScheme?: 'light' | 'dark' } = {}): Promise<Page> => {
  const { width = 1280, colorScheme = 'light' } = options
  const context = await browser.newContext({ viewport: { width, height: 900 }, colorScheme, permissions: ['clipboard-read', 'clipboard-write'] })
  const page = await context.newPage()
  opened.push(page)
  page.on('console', message => message.type() === 'error' && problems.push(message.text()))
  page.on('pageerror', error => problems.push(error.message))
  page.on('request', request => /^(?:http|ws)/.test(request.url()) && !request.url().startsWith(origin) && problems.push(request.url()))
  page.on('response', response => response.status() >= 400 && problems.push(`${response.status()} ${response.url()}`))
  await page.goto(origin + path)
  return page
}
const serious = async (page: Page): Promise<readonly string[]> => {
  await page.addScriptTag({ path: createRequire(import.meta.url).resolve('axe-core/axe.min.js') })
  const { violations } = await page.evaluate(() => (globalThis as unknown as { axe: { run: () => Promise<{ violations: { id: string; impact: string; nodes: { html: string }[] }[] }> } }).axe.run())
  // VitePress calls its button "Search", which shows its key, too.
  return violations.filter(({ id, impact }) => id !== 'label-content-name-mismatch' && /serious|critical/.test(impact)).map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`)
}

const nameIn = (page: Page, name: string) => page.locator('[data-hover]').getByText(name, { exact: true }).first()

describe('in Chromium', () => {
  it('the start page has a live board, which shows an outage and loses nothing', async () => {
    const page = await open('/')
    expect(await page.title()).toContain('rx-discovery')
    const board = page.locator('rx-discovery-board')
    await board.getByText('payments').first().waitFor()
    expect(await serious(page)).toEqual([])
    await page.getByRole('button', { name: /^Cut etcd off/ }).click()
    await board.getByText(/stale/i).first().waitFor()
    expect(await board.getByText('payments').count()).toBeGreaterThan(0)
  })

  it('leads to the first steps, and from page to page', async () => {
    const page = await open('/')
    await page.getByRole('link', { name: 'Five minutes to the first set' }).first().click()
    await page.getByRole('heading', { level: 1, name: /^Five minutes/ }).waitFor()
    await page.locator('.VPSidebar').getByRole('link', { name: /^HTTP servers/ }).click()
    await page.getByRole('heading', { level: 1, name: /^HTTP servers/ }).waitFor()
  })

  it('a guide is accessible, by day and by night, also while it shows a type', async () => {
    for (const colorScheme of ['light', 'dark'] as const) {
      const page = await open('/express.html', { colorScheme })
      expect(await page.evaluate(() => document.documentElement.className.includes('dark'))).toBe(colorScheme === 'dark')
      expect(await serious(page)).toEqual([])
      await nameIn(page, 'balance').hover()
      await page.getByRole('tooltip').waitFor()
      expect(await serious(page)).toEqual([])
    }
  })

  it('a name in a block shows its type and its doc comment, until Escape or until the pointer leaves', async () => {
    const page = await open('/recipes.html')
    const popup = page.getByRole('tooltip')
    await nameIn(page, 'discover').hover()
    await popup.getByText(/^const discover: .*registry: ReadableRegistry, service: string.* => Observable<ServiceSet</).waitFor()
    await popup.getByText('The instances of a service as they change').waitFor()
    // The popup can be reached, and read as long as the pointer is on it.
    await popup.hover()
    await page.waitForTimeout(500)
    expect(await popup.isVisible()).toBe(true)
    await page.keyboard.press('Escape')
    await popup.waitFor({ state: 'hidden' })
    await nameIn(page, 'BehaviorSubject').hover()
    await popup.getByText(/^class BehaviorSubject/).waitFor()
    await page.locator('h1').hover()
    await popup.waitFor({ state: 'hidden' })
  })

  it('what was declared in another block of the page has its type, too, also on the start page', async () => {
    const gateway = await open('/browser.html')
    await nameIn(gateway, 'sseRegistry').hover()
    await gateway.getByRole('tooltip').getByText(/ReadableRegistry$/).waitFor()
    const start = await open('/')
    await nameIn(start, 'memoryRegistry').hover()
    await start.getByRole('tooltip').getByText('MemoryRegistry').waitFor()
  })

  it('types are neither copied with the code nor reached by Tab', async () => {
    const page = await open('/getting-started.html')
    const block = page.locator('.language-js').first()
    await nameIn(page, 'discover').hover()
    const popup = page.getByRole('tooltip')
    await popup.waitFor()
    expect(await page.locator('[data-hover][tabindex], [data-hover] [tabindex]').count()).toBe(0)
    expect(await popup.locator('a, button, [tabindex]').count()).toBe(0)
    await block.hover()
    await block.getByRole('button', { name: 'Copy Code' }).click()
    const code = /```js\n([^]*?)\n```/.exec(readFileSync('docs/getting-started.md', 'utf8'))?.[1]
    await vi.waitFor(async () => expect(await page.evaluate(() => navigator.clipboard.readText())).toBe(code), { timeout: 10_000 })
  })

  it('the search finds pages by a word', async () => {
    const page = await open('/')
    await page.getByRole('button', { name: 'Search' }).first().click()
    await page.locator('#localsearch-input').fill('drain')
    const results = page.locator('.VPLocalSearchBox .result')
    await results.first().waitFor()
    expect((await results.allTextContents()).join()).toMatch(/drain/i)
    await results.first().click()
    await page.locator('.VPLocalSearchBox').waitFor({ state: 'detached' })
    await vi.waitFor(async () => expect(await page.locator('.vp-doc').textContent()).toMatch(/drain/i), { timeout: 10_000 })
  })

  it('the reference has what the doc comments contain', async () => {
    const page = await open('/reference/rx-discovery/')
    await page.getByRole('heading', { name: /^discover\(\)/ }).waitFor()
    expect(await page.locator('.vp-doc').textContent()).toContain('The format of the stored instances.')
  })

  it('fits a phone', async () => {
    for (const path of ['/', '/recipes.html', '/reliability.html']) {
      const page = await open(path, { width: 360 })
      expect(await page.evaluate(() => document.documentElement.scrollWidth), path).toBeLessThanOrEqual(360)
      await nameIn(page, 'discover').hover()
      const { x = -1, width = 0 } = (await page.getByRole('tooltip').boundingBox()) ?? {}
      expect(x).toBeGreaterThan(0)
      expect(x + width).toBeLessThan(360)
    }
  })
})

describe('the files', () => {
  const read = (file: string): string => readFileSync(join(folder, file), 'utf8')

  it('link pages and headings that exist', () => {
    const pages = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter(file => file.endsWith('.html') && !file.startsWith('playground'))
    const anchors = new Map(pages.map(page => [page, new Set(Array.from(read(page).matchAll(/ id="([^"]+)"/g), ([, id = '']) => id))]))
    const broken = pages.flatMap(page =>
      Array.from(read(page).matchAll(/<a [^>]*?href="([^"]+)"/g), ([, href = '']) => href.replaceAll('&amp;', '&'))
        .filter(href => !/^\w+:/.test(href))
        .filter(href => {
          const { pathname, hash } = new URL(href, `http://host/${page}`)
          const file = decodeURIComponent(pathname.slice(1)).replace(/(^|\/)$/, '$1index.html')
          return anchors.has(file) ? hash.length > 1 && !anchors.get(file)?.has(decodeURIComponent(hash.slice(1))) : !existsSync(join(folder, file))
        })
        .map(href => `${page}: ${href}`),
    )
    expect(pages.length).toBeGreaterThan(40)
    expect(broken).toEqual([])
  })

  it('have types in each block of TypeScript that has a name', () => {
    const pages = readdirSync(folder).filter(file => file.endsWith('.html'))
    const blocks = pages.flatMap(page => Array.from(read(page).matchAll(/<div class="language-(?:ts|js)\b[^]*?<\/code>/g), ([block]) => ({ page, block })))
    const plain = blocks.filter(({ block }) => !/ data-hovers="[^]* data-hover="/.test(block))
    expect(plain.map(({ page, block }) => `${page}: ${block.slice(block.indexOf('<code')).replace(/<[^>]*>|'|&#39;/g, '')}`)).toEqual(['board.html: import rx-discovery/board'])
    const written = readdirSync('docs').filter(file => file.endsWith('.md') && /^ *```(?:ts|js)$/m.test(readFileSync(join('docs', file), 'utf8')))
    expect(new Set(blocks.map(({ page }) => page))).toEqual(new Set([...written.map(file => file.replace(/md$/, 'html')), 'overview.html', 'index.html']))
  })

  it('have no types in what is searched or read as Markdown', () => {
    const text = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter(file => /(?:\.txt|\.md|localSearchIndex.*\.js)$/.test(file))
    expect(text.some(file => file.includes('localSearchIndex'))).toBe(true)
    expect(text.filter(file => /data-hover|op1: OperatorFunction/.test(read(file)))).toEqual([])
  })

  it('llms.txt lists the pages, and llms-full.txt has their text as it is in the repository', () => {
    const index = read('llms.txt')
    for (const page of ['getting-started', 'recipes', 'api', 'nest']) expect(index).toContain(`/${page}.md`)
    const full = read('llms-full.txt')
    expect(full).toContain(readFileSync('examples/quick-start.ts', 'utf8'))
  })
})
