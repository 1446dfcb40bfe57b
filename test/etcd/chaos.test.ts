import { describe, expect, it } from 'vitest'
import { playRow } from '../chaos/play-row.js'
import { summary } from '../chaos/report.js'
import { rows } from '../chaos/rows/index.js'

const seed = Number(process.env['SEED'] ?? Date.now() % 1_000_000)

describe.concurrent(`the core of the failure matrix, SEED=${seed}`, () => {
  it.each(rows.filter(({ core, missing }) => core && missing?.() === undefined))('$group: $name', { timeout: 120_000 }, async row => {
    // The test is about states, losses and leftovers. Times are measured by `npm run chaos` on an idle machine, so the limits are three times as long here.
    const outcome = await playRow(row, seed, 3)
    expect(outcome.problems, summary(outcome)).toEqual([])
  })
})
