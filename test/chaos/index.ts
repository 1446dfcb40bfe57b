// npm run chaos [-- words that name rows]: plays the failure matrix, prints it, and with WRITE=1 writes what held into docs/reliability.md.
import { herd } from './load/herd.js'
import { streams } from './load/stream.js'
import { trialTable } from './load/trial.js'
import { play, type Outcome } from './outcome.js'
import { writePage } from './page.js'
import { matrix, summary } from './report.js'
import { rows } from './rows/index.js'

const asked = process.argv.slice(2)
const isAsked = (title: string): boolean => asked.length === 0 || asked.some(word => title.includes(word))
const seed = Number(process.env['SEED'] ?? Date.now() % 1_000_000)
const minutes = Number(process.env['MINUTES'] ?? 5)

const outcomes: Outcome[] = []
const tables: string[] = []
let played = 0
let failed = 0
let skipped = 0
/** Plays one row or trial, and goes on whatever comes of it. */
const one = async (title: string, run: () => Promise<readonly string[]>): Promise<void> => {
  played += 1
  try {
    const problems = await run()
    if (problems.length > 0) failed += 1
  } catch (error) {
    failed += 1
    console.log(`FAILED  ${title}\n      ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`)
  }
}

for (const row of rows) {
  const title = `${row.group}: ${row.name}`
  if (!isAsked(title)) continue
  const missing = row.missing?.()
  if (missing !== undefined) {
    skipped += 1
    console.log(`skipped ${title}: ${missing}`)
    continue
  }
  await one(title, async () => {
    const outcome = await play(row, seed)
    if (outcome.problems.length === 0) outcomes.push(outcome)
    console.log(summary(outcome))
    return outcome.problems
  })
}
for (const { name, run } of [...herd, ...streams(minutes)]) {
  const title = `load: ${name}`
  if (isAsked(title))
    await one(title, async () => {
      const measured = await run(seed)
      const table = trialTable(name, measured)
      const { problem } = measured.ours
      if (problem === undefined) tables.push(table)
      console.log(`${problem === undefined ? 'ok' : 'FAILED'}  ${title}${problem === undefined ? '' : `\n      problem            ${problem}`}\n${table}`)
      return problem === undefined ? [] : [problem]
    })
}

const result = [matrix(outcomes), ...tables].filter(part => part !== '').join('\n\n')
console.log(`\n${result}\n\n${played} played, ${failed} failed, ${skipped} skipped; SEED=${seed} npm run chaos repeats them`)
if (process.env['WRITE'] === '1') {
  const groups = [...new Set(rows.map(({ group }) => group))]
  writePage(
    result,
    new Map<string, readonly string[]>([
      ...groups.map(group => [group, rows.flatMap(row => (row.group === group ? [row.name] : []))] as const),
      ...[...herd, ...streams(minutes)].map(({ name }) => [name, []] as const),
    ]),
  )
}
process.exitCode = failed > 0 ? 1 : 0
