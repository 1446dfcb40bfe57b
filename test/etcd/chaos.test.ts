import { describe, expect, it } from 'vitest'
import { play } from '../chaos/outcome.js'
import { summary } from '../chaos/report.js'
import { rows } from '../chaos/rows/index.js'

const seed = Number(process.env['SEED'] ?? Date.now() % 1_000_000)

describe(`the core of the failure matrix, SEED=${seed}`, () => {
  it.each(rows.filter(({ core, missing }) => core && missing?.() === undefined))('$group: $name', { timeout: 120_000 }, async row => {
    // What it is about here is what is seen, lost and left; how long it takes is measured by the matrix, on a machine that does nothing else.
    const outcome = await play(row, seed, 3)
    expect(outcome.problems, summary(outcome)).toEqual([])
  })
})
