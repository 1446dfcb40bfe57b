import type { Page } from 'playwright-core'
import { memoryRegistry } from '../src/edge/memory/index.js'
import { boardScript, boardServer } from '../test/edge/board/board-page.js'
import { startChromium } from '../test/edge/browser/chromium.js'
import { bound } from './ratios.js'
import { median, milliseconds, table } from './results-table.js'

const [services, instances, rounds, openings] = [300, 30, 15, 5]

/** Runs in the page: acts, and waits for the frame in which the board shows what it should. Ms. */
const shownAfter = (page: Page, act: 'type' | 'wait', value: string, expected: string): Promise<number> =>
  page.evaluate(
    async ([how, text, awaited]) => {
      const board = document.querySelector('rx-discovery-board')?.shadowRoot
      const began = performance.now()
      const input = board?.querySelector<HTMLInputElement>('input[type=search]')
      if (how === 'type' && input) {
        input.value = text
        input.dispatchEvent(new Event('input'))
      }
      const frame = (): Promise<unknown> => new Promise(requestAnimationFrame)
      while (board?.textContent.includes(awaited) !== true) await frame()
      // The next task runs when the frame has been painted.
      await frame()
      await new Promise(resolve => setTimeout(resolve))
      return performance.now() - began
    },
    [act, value, expected] as const,
  )

/** The board with a large fleet. */
export const measureBoard = async (): Promise<void> => {
  const total = (services * instances).toLocaleString('en')
  const registry = memoryRegistry()
  const put = (service: number, instance: number, version: string): void =>
    void registry.write(
      `/rx-discovery/service${service}/node${instance}`,
      JSON.stringify({ v: 1, address: `10.0.${service % 256}.${instance}:80`, zone: `zone${instance % 3}`, version, tags: instance % 9 === 0 ? ['canary'] : [], metadata: { rack: `r${instance}` } }),
    )
  for (let service = 0; service < services; service += 1) for (let instance = 0; instance < instances; instance += 1) put(service, instance, '1.0')
  const server = await boardServer(registry, await boardScript())
  const browser = await startChromium()
  try {
    const page = await browser.newPage({ viewport: { width: 1440, height: 900 } })
    const opening: number[] = []
    for (let round = 0; round < openings; round += 1) {
      const opened = Date.now()
      await page.goto(new URL('/', server.url).href)
      await shownAfter(page, 'wait', '', `All well ${services}`)
      opening.push(Date.now() - opened)
    }
    const filtering: number[] = []
    const changing: number[] = []
    for (let round = 0; round < rounds; round += 1) {
      filtering.push(await shownAfter(page, 'type', `service${round} `, `of ${total} instances`))
      filtering.push(await shownAfter(page, 'type', `zone${round % 3}`, `${((services * instances) / 3).toLocaleString('en')} of`))
      await shownAfter(page, 'type', '', `All well ${services}`)
      const visible = shownAfter(page, 'wait', '', `version 1.0 → 2.${round}`)
      const written = Date.now()
      put(round, 3, `2.${round}`)
      await visible
      changing.push(Date.now() - written)
    }
    table(`The board in Chromium: ${services} services of ${instances} instances`, [
      ['', 'median', 'slowest'],
      ['page opened → first listing shown', milliseconds(median(opening)), milliseconds(Math.max(...opening))],
      ['filter by text → shown', milliseconds(median(filtering)), milliseconds(Math.max(...filtering))],
      ['change → shown', milliseconds(median(changing)), milliseconds(Math.max(...changing))],
    ])
    bound({ what: `board: ${total} instances, page opened → shown`, measured: opening, unit: milliseconds, most: 3_000 })
    bound({ what: `board: ${total} instances, filter → shown`, measured: filtering, unit: milliseconds, most: 100 })
    bound({ what: `board: ${total} instances, change → shown`, measured: changing, unit: milliseconds, most: 1_000 })
  } finally {
    await browser.close()
    await server.close()
    await registry.close()
  }
}
