import { describe, expect, it } from 'vitest'
import { play } from '../chaos/outcome.js'
import { summary } from '../chaos/report.js'
import { rows } from '../chaos/rows/index.js'

const seed = Number(process.env['SEED'] ?? Date.now() % 1_000_000)

describe(`the core of the failure matrix, SEED=${seed}`, () => {
  it.each(rows.filter(({ core, missing }) => core && missing?.() === undefined))('$group: $name', { timeout: 120_000 }, async row => {
    const outcome = await play(row, seed)
    expect(outcome.problems, summary(outcome)).toEqual([])
  })
})
