// npm run chaos [-- words that name rows]: plays the failure matrix, prints it, and, when all of it was played, writes it into docs/reliability.md.
import { readFileSync, writeFileSync } from 'node:fs'
import { herd } from './load/herd.js'
import { streams } from './load/stream.js'
import { trialTable } from './load/trial.js'
import { play, type Outcome } from './outcome.js'
import { matrix, summary } from './report.js'
import { rows } from './rows/index.js'

const asked = process.argv.slice(2)
const isAsked = (title: string): boolean => asked.length === 0 || asked.some(word => title.includes(word))
const seed = Number(process.env['SEED'] ?? Date.now() % 1_000_000)
const minutes = Number(process.env['MINUTES'] ?? 5)
const page = new URL('../../docs/reliability.md', import.meta.url)

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
    outcomes.push(outcome)
    console.log(summary(outcome))
    return outcome.problems
  })
}
for (const { name, run } of [...herd, ...streams(minutes)]) {
  const title = `load: ${name}`
  if (isAsked(title))
    await one(title, async () => {
      const measured = await run(seed)
      tables.push(trialTable(name, measured))
      const { problem } = measured.ours
      console.log(`${problem === undefined ? 'ok' : 'FAILED'}  ${title}${problem === undefined ? '' : `\n      problem            ${problem}`}\n${tables.at(-1) ?? ''}`)
      return problem === undefined ? [] : [problem]
    })
}

const result = [matrix(outcomes), ...tables].filter(part => part !== '').join('\n\n')
console.log(`\n${result}\n\n${played} played, ${failed} failed, ${skipped} skipped; SEED=${seed} npm run chaos repeats them`)
if (asked.length === 0 && failed + skipped === 0)
  writeFileSync(page, readFileSync(page, 'utf8').replace(/(<!-- matrix -->\n)[\s\S]*(\n<!-- end of matrix -->)/, (_, before: string, after: string) => `${before}\n${result}\n${after}`))
process.exitCode = failed > 0 ? 1 : 0
