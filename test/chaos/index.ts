// Plays the failure matrix and prints it: `npm run chaos`, or `npm run chaos -- <texts>` for the rows whose title contains one of these texts.
// With WRITE=1, the rows that passed are written into docs/reliability.md.
import { herd } from './load/herd.js'
import { streams } from './load/streams.js'
import { trialTable } from './load/trial.js'
import { playRow } from './play-row.js'
import { matrix, summary } from './report.js'
import type { Outcome } from './row.js'
import { rows } from './rows/index.js'
import { writeMatrix } from './write-matrix.js'

const texts = process.argv.slice(2)
const isSelected = (title: string): boolean => texts.length === 0 || texts.some(text => title.includes(text))
const seed = Number(process.env['SEED'] ?? Date.now() % 1_000_000)
const minutes = Number(process.env['MINUTES'] ?? 5)

const outcomes: Outcome[] = []
const tables: string[] = []
let played = 0
let failed = 0
let skipped = 0
/** Plays one row or trial and counts its result; an error does not stop the others. */
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
  if (!isSelected(title)) continue
  const missing = row.missing?.()
  if (missing !== undefined) {
    skipped += 1
    console.log(`skipped ${title}: ${missing}`)
    continue
  }
  await one(title, async () => {
    const outcome = await playRow(row, seed)
    if (outcome.problems.length === 0) outcomes.push(outcome)
    console.log(summary(outcome))
    return outcome.problems
  })
}
for (const { name, run } of [...herd, ...streams(minutes)]) {
  const title = `load: ${name}`
  if (isSelected(title))
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
console.log(`\n${result}\n\n${played} played, ${failed} failed, ${skipped} skipped (to repeat this run: SEED=${seed} npm run chaos)`)
if (process.env['WRITE'] === '1') {
  const groups = [...new Set(rows.map(({ group }) => group))]
  writeMatrix(
    result,
    new Map<string, readonly string[]>([
      ...groups.map(group => [group, rows.flatMap(row => (row.group === group ? [row.name] : []))] as const),
      ...[...herd, ...streams(minutes)].map(({ name }) => [name, []] as const),
    ]),
  )
}
process.exitCode = failed > 0 ? 1 : 0
