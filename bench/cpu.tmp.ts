import { memoryRegistry } from '../src/edge/memory/index.js'
import { boardScript, boardServer } from '../test/edge/board/board-page.js'
import { startChromium } from '../test/edge/browser/chromium.js'
const registry = memoryRegistry()
const put = (s: number, i: number, version: string) => void registry.write(`/rx-discovery/service${s}/node${i}`, JSON.stringify({ v: 1, address: `10.0.${s % 256}.${i}:80`, zone: `zone${i % 3}`, version, tags: i % 9 === 0 ? ['canary'] : [], metadata: { rack: `r${i}` } }))
for (let s = 0; s < 300; s++) for (let i = 0; i < 30; i++) put(s, i, '1.0')
const server = await boardServer(registry, await boardScript())
const browser = await startChromium()
const page = await browser.newPage({ viewport: { width: 1440, height: 900 } })
const cdp = await page.context().newCDPSession(page)
await cdp.send('Profiler.enable'); await cdp.send('Profiler.setSamplingInterval', { interval: 200 })
await page.goto(new URL('/', server.url).href)
await page.waitForFunction(() => document.querySelector('rx-discovery-board')?.shadowRoot?.textContent?.includes('All well 300'), undefined, { timeout: 300000, polling: 500 })
const step = async (name: string, act: (r: number) => Promise<unknown>) => {
  await cdp.send('Profiler.start')
  for (let r = 0; r < 6; r++) { await act(r); await page.waitForTimeout(600) }
  const { profile } = await cdp.send('Profiler.stop') as any
  const self = new Map<string, number>(); const byId = new Map(profile.nodes.map((n: any) => [n.id, n]))
  profile.samples.forEach((id: number, i: number) => { const n: any = byId.get(id); const k = `${n.callFrame.functionName || 'anon'}:${n.callFrame.lineNumber}`; self.set(k, (self.get(k) ?? 0) + profile.timeDeltas[i] / 1000) })
  console.log(name, [...self].sort((a, b) => b[1] - a[1]).slice(0, 16).map(([k, v]) => `${k} ${Math.round(v / 6)}`).join(' | '))
}
const type = (v: string) => page.evaluate(x => { const i = document.querySelector('rx-discovery-board')!.shadowRoot!.querySelector<HTMLInputElement>('input[type=search]')!; i.value = x; i.dispatchEvent(new Event('input')) }, v)
await step('idle', async () => undefined)
await step('filter third', r => type(`zone${r % 3}`))
await type('')
await step('change', async r => put(r, 3, `2.${r}`))
await browser.close(); await server.close(); process.exit(0)
