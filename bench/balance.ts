import { writeFileSync } from 'node:fs'
import { plot } from './balance/plot.js'
import { policies } from './balance/policies.js'
import { quantile, simulated, story, type Call } from './balance/scene.js'
import { writeBetween } from './write-between.js'
import { table } from './results-table.js'

const percent = (share: number): string => `${(share * 100).toFixed(2)} %`
const ms = (time: number): string => `${time.toFixed(time < 100 ? 1 : 0)} ms`
const latencies = (calls: readonly Call[]): readonly number[] => calls.map(({ took }) => took).sort((a, b) => a - b)
const errors = (calls: readonly Call[]): number => calls.filter(({ failed }) => failed).length / calls.length

/** The table row of a policy; the broken server's share counts calls since it broke. */
const row = (name: string, calls: readonly Call[], ejecting: readonly Call[]): string[] => {
  const sorted = latencies(calls)
  const since = calls.filter(({ at }) => at >= story.broken)
  const broken = since.filter(({ failed }) => failed).length / since.length
  return [name, ...[0.5, 0.99].map(share => ms(quantile(sorted, share))), percent(errors(calls)), percent(broken), ms(quantile(latencies(ejecting), 0.99)), percent(errors(ejecting))]
}

const head = ['policy', 'p50', 'p99', 'errors', 'calls to the broken one', 'p99, ejecting', 'errors, ejecting']
const runs = Object.entries(policies).map(([name, make]) => ({
  name,
  plain: simulated((sets, random) => make(sets, { random, outliers: false })),
  ejecting: simulated((sets, random) => make(sets, { random })),
}))
const rows = runs.map(({ name, plain, ejecting }) => row(name, plain, ejecting))
table('20 servers: at 10 s one turns 10× slower, at 20 s one fails fast, at 30 s one leaves, at 35 s one joins', [head, ...rows])

const markdown = [head, head.map((_, at) => (at === 0 ? '---' : '---:')), ...rows].map(cells => `| ${cells.join(' | ')} |`).join('\n')
writeFileSync('docs/load-balancing.svg', plot(Object.fromEntries(runs.map(({ name, plain }) => [name, plain]))))
writeBetween('docs/load-balancing.md', 'simulation', `${markdown}\n\n![The p99 of each policy over time](load-balancing.svg)`)
