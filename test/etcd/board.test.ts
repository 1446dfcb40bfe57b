import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, expect, it, vi } from 'vitest'
import { register } from 'rx-discovery'
import { etcdRegistry } from 'rx-discovery/etcd'
import { boardScript } from '../edge/board/board-page.js'
import { startChromium } from '../edge/browser/chromium.js'
import { uiProgram } from '../edge/cli/ui-program.js'
import { own } from './own.js'
import { etcdServer, type EtcdServer } from './server.js'

let browser: Browser
let script: string
let etcd: EtcdServer
beforeAll(async () => {
  script = await boardScript()
  browser = await startChromium()
  etcd = await etcdServer()
}, 600_000)
afterAll(async () => {
  await browser.close()
  await etcd.close()
})

const text = async (page: Page, selector: string): Promise<string> => (await page.locator(selector).first().innerText()).replace(/\s+/g, ' ')
const shows = (page: Page, expected: RegExp, selector = '.body'): Promise<void> => vi.waitFor(async () => expect(await text(page, selector)).toMatch(expected), { timeout: 60_000, interval: 50 })

it('a board on a real etcd: what was before its start, a kill and a restart of etcd, and an override that a process obeys', { timeout: 240_000 }, async () => {
  await etcd.wipe()
  const client = etcd.client()
  const put = (id: string, version: string) => client.put(`/rx-discovery/web/${id}`).value(JSON.stringify({ v: 1, address: `${id}:80`, version })).exec()
  await put('old', '1')
  await put('old', '2')
  await client.put('/elsewhere').value('x').exec()
  await client.delete().key('/rx-discovery/web/old').exec()
  const process = own(etcdRegistry({ hosts: etcd.endpoint }), ({ close }) => close())
  own(register(process, { service: 'web', id: 'node', address: 'node:80' }, { ttl: 60 }).subscribe(), it => it.unsubscribe())
  const program = await uiProgram(etcdRegistry({ hosts: etcd.endpoint }), script, '--allow-override')
  own(program, ({ stop }) => stop())
  const page = await own(await browser.newContext(), each => each.close()).newPage()
  await page.goto(`${program.url}#token=${program.token}`)

  await shows(page, /node up node:80/)
  await shows(page, /web\/old left before \d\d:\d\d/, '.journal')
  await shows(page, /web\/old updated version 1 → 2 before/, '.journal')
  await page.getByRole('slider').focus()
  await page.keyboard.press('Home')
  await page.keyboard.press('ArrowRight')
  await page.keyboard.press('ArrowRight')
  await shows(page, /old up (no lease )?old:80 2/)
  await page.getByRole('button', { name: 'Back to live' }).click()

  await page.locator('.name[data-name="web/node"]').click()
  await shows(page, /\d+ s of 60 s left/, '[data-ttl]')
  await etcd.kill()
  await shows(page, /Stale for \d+ (s|min)/, '.banner')
  await shows(page, /node up node:80/)
  await etcd.start()
  await shows(page, /live/, '.pulse')
  await shows(page, /live the registry answers again/, '.journal')

  await page.getByRole('button', { name: 'Drain…' }).click()
  await page.getByRole('button', { name: 'Drain the last one' }).click()
  await shows(page, /node draining node:80/)
  await shows(page, /web\/node drained by an operator/, '.journal')
  expect(await client.get('/rx-discovery-overrides/web/node').string()).toBe('draining')
  await client.delete().key('/rx-discovery-overrides/web/node').exec()
  await shows(page, /node up node:80/)
  await shows(page, /web\/node given back by an operator/, '.journal')
})
