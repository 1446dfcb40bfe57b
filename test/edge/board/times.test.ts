import { expect, it } from 'vitest'
import { clockText, durationText, whenText } from '../../../src/edge/board/times.js'

it.each([
  [-5, '0 s'],
  [999, '0 s'],
  [59_000, '59 s'],
  [61_000, '1 min'],
  [3 * 60_000 + 59_000, '3 min'],
  [2 * 3_600_000, '2 h'],
  [2 * 3_600_000 + 5 * 60_000, '2 h 5 min'],
  [26 * 3_600_000, '1 d'],
])('%i ms are %s', (ms, text) => {
  expect(durationText(ms)).toBe(text)
})

it('a time of another day has its date', () => {
  const at = new Date(2026, 0, 2, 3, 4, 5).getTime()
  expect(clockText(at, at + 1_000)).toBe('03:04:05')
  expect(clockText(at, at + 86_400_000)).toBe('2026-01-02 03:04:05')
})

it('what was seen before anything was recorded is before a time', () => {
  const since = new Date(2026, 0, 2, 3, 4, 5).getTime()
  expect(whenText({ at: undefined }, since, since)).toBe('before 03:04')
  expect(whenText({ at: since }, since, since)).toBe('03:04:05')
})
