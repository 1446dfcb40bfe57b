import { discover } from '../src/index.js'
import { memoryRegistry } from '../src/edge/memory/index.js'
import { cpu } from './etcd/commands.js'
import { bound } from './ratios.js'
import { duration, median, table } from './results-table.js'

const emissions = 1_000
const rounds = 7

/** The cost (ns) of an emission to so many subscribers, and how many watches they open. */
const measured = (subscribers: number): { readonly cost: number; readonly watches: number } => {
  const registry = memoryRegistry()
  const set$ = discover(registry, 'web')
  let received = 0
  const all = Array.from({ length: subscribers }, () => set$.subscribe(() => (received += 1)))
  const { watches } = registry.subscriptions()
  let writes = 0
  const round = (): number => {
    const began = cpu()
    for (let at = 0; at < emissions; at++) registry.write('/rx-discovery/web/node', JSON.stringify({ v: 1, address: 'a:80', weight: 1 + (++writes % 100) }))
    return ((cpu() - began) * 1e6) / emissions
  }
  const cost = median(Array.from({ length: rounds }, round).slice(2))
  if (received < subscribers * emissions * rounds) throw new Error(`only ${received} of ${subscribers * emissions * rounds} emissions were received`)
  for (const one of all) one.unsubscribe()
  return { cost, watches }
}

/** The cost of one service with many subscribers. */
export const measureSubscribers = (): void => {
  const counts = [1, 100, 1_000, 10_000]
  const costs = counts.map(measured)
  const [{ cost: base } = { cost: NaN }] = costs
  const each = costs.map(({ cost }, at) => (cost - base) / ((counts[at] ?? 1) - 1))
  table('One service, many subscribers', [
    ['', ...counts.map(count => count.toLocaleString('en'))],
    ['an emission, on memory', ...costs.map(({ cost }) => duration(cost))],
    ['for each further subscriber', ...each.map((cost, at) => (at === 0 ? '' : duration(cost)))],
    ['watches of the registry', ...costs.map(({ watches }) => String(watches))],
  ])
  bound({ what: 'each of 1,000 subscribers, per emission', measured: [each[2] ?? NaN], unit: duration, most: 1_000 })
}
