import type { Browser, BrowserContextOptions, Page } from 'playwright-core'
import { expect, vi } from 'vitest'
import { axeScript } from './board-page.js'

export const patience = { timeout: 60_000, interval: 50 }

/** Opens a page in a context of its own; an error in the page fails the test. */
export const openPage = async (browser: Browser, url: string, options: BrowserContextOptions = {}): Promise<Page> => {
  const context = await browser.newContext({ viewport: { width: 1360, height: 820 }, ...options })
  const page = await context.newPage()
  page.on('pageerror', error => expect.soft(error.message).toBe(''))
  await page.goto(url)
  return page
}
/** The selector of the row of an instance. */
export const row = (name: string): string => `tr:has([data-name="${name}"])`
/** The text of what is shown, in one line. */
export const text = async (page: Page, selector = '.body'): Promise<string> => ((await page.locator(selector).first().innerText()) || '').replace(/\s+/g, ' ').trim()
/** Waits until it is shown. */
export const shows = (page: Page, expected: string | RegExp, selector?: string): Promise<void> => vi.waitFor(async () => expect(await text(page, selector)).toMatch(expected), patience)
/** What axe finds, in one line each. */
export const flaws = async (page: Page): Promise<readonly string[]> => {
  // The page allows no code but its own, so it comes from the debugger.
  await page.evaluate(axeScript())
  return page.evaluate(async () => {
    const { axe } = globalThis as unknown as { axe: { run: () => Promise<{ violations: { id: string; help: string; nodes: { html: string }[] }[] }> } }
    const { violations } = await axe.run()
    return violations.map(({ id, help, nodes }) => `${id}: ${help}: ${nodes.map(({ html }) => html.slice(0, 120)).join(' | ')}`)
  })
}
