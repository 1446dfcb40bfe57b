// npm run chaos [-- words that name rows]: plays the failure matrix, prints it, and, when all of it was played, writes it into docs/reliability.md.
import { readFileSync, writeFileSync } from 'node:fs'
import { play, type Outcome } from './outcome.js'
import { matrix, summary } from './report.js'
import { rows } from './rows/index.js'

const asked = process.argv.slice(2)
const wanted = rows.filter(({ group, name }) => asked.length === 0 || asked.some(word => `${group}: ${name}`.includes(word)))
const seed = Number(process.env['SEED'] ?? Date.now() % 1_000_000)
const page = new URL('../../docs/reliability.md', import.meta.url)

const outcomes: Outcome[] = []
let failed = 0
let skipped = 0
for (const row of wanted) {
  const missing = row.missing?.()
  if (missing !== undefined) {
    skipped += 1
    console.log(`skipped ${row.group}: ${row.name}: ${missing}`)
    continue
  }
  try {
    const outcome = await play(row, seed)
    outcomes.push(outcome)
    console.log(summary(outcome))
    if (outcome.problems.length > 0) failed += 1
  } catch (error) {
    failed += 1
    console.log(`FAILED  ${row.group}: ${row.name}\n      ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`)
  }
}

const table = matrix(outcomes)
console.log(`\n${table}\n\n${outcomes.length} rows, ${failed} failed, ${skipped} skipped; SEED=${seed} npm run chaos repeats them`)
if (asked.length === 0 && failed + skipped === 0)
  writeFileSync(page, readFileSync(page, 'utf8').replace(/(<!-- matrix -->\n)[\s\S]*(\n<!-- end of matrix -->)/, `$1\n${table}\n$2`))
process.exitCode = failed > 0 ? 1 : 0
