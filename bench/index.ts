// npm run bench [-- parts]: measures beside the alternatives, prints it, and with WRITE=1 writes it into docs/performance.md.
import { listing } from './etcd/measure-listing.js'
import { leasing } from './etcd/measure-leases.js'
import { returning } from './etcd/measure-return.js'
import { watching } from './etcd/measure-watching.js'
import { fold } from './fold.js'
import { machine } from './machine.js'
import { writeBetween } from './write-between.js'
import { picks } from './picks.js'
import { ratios } from './ratios.js'
import { sizes } from './size.js'
import { subscribers } from './subscribers.js'
import { spoken, table } from './results-table.js'

const parts: Readonly<Record<string, () => unknown>> = { leases: leasing, listing, watching, returning, subscribers, picks, fold, size: sizes }

const asked = process.argv.slice(2)
const unknown = asked.filter(name => !Object.hasOwn(parts, name))
if (unknown.length > 0) throw new Error(`no such part: ${unknown.join(', ')}; there are ${Object.keys(parts).join(', ')}`)

const write = (name: string, text: string): void => {
  if (process.env['WRITE'] === '1') writeBetween('docs/performance.md', name, text)
}
for (const [name, part] of Object.entries(parts)) {
  if (asked.length > 0 && !asked.includes(name)) continue
  const began = performance.now()
  try {
    await part()
  } catch (error) {
    // The others may say something all the same.
    console.error(`FAILED: ${name}`, error)
    process.exitCode = 1
    spoken()
    continue
  }
  console.log(`\n(${name}: ${Math.round((performance.now() - began) / 1_000)} s)`)
  write(name, spoken())
}
table('What the design asks for', ratios())
const goals = spoken()
console.log(`\n${machine()}`)
if (asked.length === 0) write('goals', `${machine()}\n\n${goals}`)
