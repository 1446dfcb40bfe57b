// Measures the library beside its alternatives and prints the results: `npm run bench`, or `npm run bench -- <parts>` for some parts.
// With WRITE=1, the results are written into docs/performance.md.
import { measureListing } from './etcd/measure-listing.js'
import { measureLeases } from './etcd/measure-leases.js'
import { measureHistory } from './etcd/measure-history.js'
import { measureReturn } from './etcd/measure-return.js'
import { measureWatching } from './etcd/measure-watching.js'
import { balancedCalls } from './balance-calls.js'
import { measureBoard } from './board.js'
import { measureBridge } from './bridge.js'
import { fold } from './fold.js'
import { machine } from './machine.js'
import { writeBetween } from './write-between.js'
import { observed } from './observed.js'
import { picks } from './picks.js'
import { ratios } from './ratios.js'
import { measureSize } from './size.js'
import { measureSubscribers } from './subscribers.js'
import { table, takeMarkdown } from './results-table.js'

const parts: Readonly<Record<string, () => unknown>> = { leases: measureLeases, listing: measureListing, watching: measureWatching, returning: measureReturn, history: measureHistory, subscribers: measureSubscribers, bridge: measureBridge, board: measureBoard, picks, calls: balancedCalls, observed, fold, size: measureSize }

const selected = process.argv.slice(2)
const unknown = selected.filter(name => !Object.hasOwn(parts, name))
if (unknown.length > 0) throw new Error(`parts must be among ${Object.keys(parts).join(', ')}, got ${unknown.join(', ')} (usage: npm run bench -- fold listing)`)

const write = (name: string, text: string): void => {
  if (process.env['WRITE'] === '1') writeBetween('docs/performance.md', name, text)
}
for (const [name, part] of Object.entries(parts)) {
  if (selected.length > 0 && !selected.includes(name)) continue
  const began = performance.now()
  try {
    await part()
    write(name, takeMarkdown())
  } catch (error) {
    // The other parts are independent of this one.
    console.error(`FAILED: ${name}`, error)
    process.exitCode = 1
    takeMarkdown()
    continue
  }
  console.log(`\n(${name}: ${Math.round((performance.now() - began) / 1_000)} s)`)
}
table('Goals', ratios())
const goals = takeMarkdown()
console.log(`\n${machine()}`)
if (selected.length === 0) write('goals', `${machine()}\n\n${goals}`)
