import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Browser, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { record, type RecordedEvent } from 'rx-discovery'
import { memoryRegistry } from 'rx-discovery/memory'
import { virtually } from 'rx-discovery/testing'
import { boardScript } from '../board/board-page.js'
import { flaws, openPage, patience, row, shows, text } from '../board/shown-board.js'
import { startChromium } from '../browser/chromium.js'
import { boardProgram, type UiProgram } from './ui-program.js'

const folder = mkdtempSync(join(tmpdir(), 'replay-ui-'))
let browser: Browser
let script: string
beforeAll(async () => {
  script = await boardScript()
  browser = await startChromium()
}, 600_000)
afterAll(async () => {
  await browser.close()
  rmSync(folder, { recursive: true })
}, 120_000)
const opened: { close: () => unknown }[] = []
afterEach(async () => {
  for (const each of opened.splice(0).reverse()) await each.close()
}, 120_000)

const start = Date.UTC(2026, 0, 1, 3)
const value = (version: string, status = 'up'): string => JSON.stringify({ v: 1, address: '10.0.0.1:80', version, status })
const events: RecordedEvent[] = []
virtually(({ advance }) => {
  const registry = memoryRegistry()
  registry.write('/rx-discovery/web/a', value('1'))
  registry.write('/rx-discovery/orders/o', value('1'))
  const recording = record(registry).subscribe(event => events.push({ ...event, at: event.at + start }))
  advance(60_000)
  registry.write('/rx-discovery/web/a', value('2'))
  advance(60_000)
  registry.interrupt(1_000)
  advance(60_000)
  registry.write('/rx-discovery/web/b', value('2'))
  advance(60_000)
  registry.write('/rx-discovery/web/a', value('2', 'down'))
  advance(60_000)
  recording.unsubscribe()
})
/** What came after a wipe, ten minutes later. */
const wiped = [
  { at: start + 900_000, event: 'trouble', data: { error: 'Rewound' } },
  { at: start + 900_000, event: 'listing', id: '2.0000000000000000', data: { cluster: '2', revision: 2, changes: [['/rx-discovery/web/z', value('3'), 2, '0']] } },
]
const lines = (all: readonly object[]): string => all.map(event => `${JSON.stringify(event)}\n`).join('')
const [file, both] = [join(folder, 'incident.jsonl'), join(folder, 'wipe.jsonl')]
writeFileSync(file, lines(events))
writeFileSync(both, lines([...events, ...wiped]))

const replay = async (...argv: readonly string[]): Promise<UiProgram> => {
  const program = await boardProgram(memoryRegistry(), script, 'replay', '--ui', '--port', '0', ...argv)
  opened.push({ close: program.stop })
  return program
}
const open = async (url: string): Promise<Page> => {
  const page = await openPage(browser, url, { timezoneId: 'UTC' })
  opened.push(page.context())
  return page
}

describe('replay --ui in Chromium', { timeout: 240_000 }, () => {
  it('shows the end of a recording with its times, and nothing as live', async () => {
    const page = await open((await replay(file, '--heading', 'At 3 a.m.')).url)
    await shows(page, /^a down (no lease )?10\.0\.0\.1:80 2/, row('web/a'))
    await shows(page, /At 3 a\.m\. recording revision 6$/, '.title')
    await shows(page, /^A recording This is the fleet as of revision 6, 2026-01-01 03:04:00, \d+ d ago\.$/, '.banner')
    await shows(page, /web\/a updated status up → down 2026-01-01 03:04:00 · revision 6/, '.journal')
    await shows(page, /live the registry answers again 2026-01-01 03:02:\d\d/, '.journal')
    await shows(page, /^revision 6, 2026-01-01 03:04:00, 1 updated \(\d+ d ago\)$/, '.where')
    await shows(page, /^2026-01-01 03:00:00 \(revision 3\) 3 changes joined or up changed left, down or unreadable 2026-01-01 03:04:00 \(revision 6\)$/, '.axis')
    // As of the end of the recording, not of today.
    await shows(page, /b up (no lease )?10\.0\.0\.1:80 2 1 1 min/, row('web/b'))
    expect(await page.getByRole('button', { name: 'End' }).isDisabled()).toBe(true)
    expect(await flaws(page)).toEqual([])
  })

  it('steps over the whole recording, by slider, by play and by a link', async () => {
    const program = await replay(file)
    const page = await open(program.url)
    await shows(page, /a down/)
    await page.getByRole('slider').focus()
    await page.keyboard.press('Home')
    await shows(page, /^a up (no lease )?10\.0\.0\.1:80 1/, row('web/a'))
    expect(new URL(page.url()).search).toBe('?at=3')
    await page.keyboard.press('ArrowRight')
    await shows(page, /^a up (no lease )?10\.0\.0\.1:80 2/, row('web/a'))
    const other = await open(`${program.url}?at=4`)
    await shows(other, /as of revision 4, 2026-01-01 03:01:00/, '.banner')
    await shows(other, /^a up (no lease )?10\.0\.0\.1:80 2/, row('web/a'))
    expect(await flaws(other)).toEqual([])
    await other.getByRole('button', { name: 'To its end' }).click()
    await shows(other, /^a down/, row('web/a'))
    expect(new URL(other.url()).search).toBe('')
    await other.getByRole('button', { name: 'Play the changes' }).click()
    await shows(other, /as of revision 3/, '.banner')
    await shows(other, /as of revision 6/, '.banner')
    await vi.waitFor(async () => expect(await other.getByRole('button', { name: 'End' }).isDisabled()).toBe(true), patience)
    const early = await open(`${program.url}?at=2`)
    await shows(early, /This revision is not in the recording It begins at revision 3/)
  })

  it('goes on over a wipe: what was before can be seen and linked', async () => {
    const program = await replay(both)
    const page = await open(program.url)
    await shows(page, /^z up/, row('web/z'))
    await shows(page, /replaced the history was replaced/, '.journal')
    await page.getByRole('slider').focus()
    await page.keyboard.press('ArrowLeft')
    await shows(page, /^a down/, row('web/a'))
    await shows(page, /recording revision 6, before the history was replaced/, '.title')
    const link = page.url()
    expect(new URL(link).search).toBe('?at=6%7E1')
    await shows(await open(link), /^a down/, row('web/a'))
  })

  it('--service shows some services only', async () => {
    const program = await replay(file, '--service', 'orders')
    const page = await open(program.url)
    await shows(page, /o up/)
    expect(await text(page)).not.toContain('web')
    expect(await (await fetch(`${program.url}recording`)).text()).not.toContain('/web/')
  })
})
