import { expect, it } from 'vitest'
import { knownBugs } from '../../../../src/edge/cli/doctor/known-bugs.js'

it.each([
  ['3.4.23', 6, '3.4.42'],
  ['3.4.41', 1, '3.4.42'],
  ['3.4.42', 0, undefined],
  ['3.5.2', 7, '3.5.28'],
  ['3.5.3', 6, '3.5.28'],
  ['3.5.28', 0, undefined],
  ['3.6.0', 2, '3.6.9'],
  ['3.6.9', 0, undefined],
  ['3.7.0', 0, undefined],
  ['3.5.27-custom+build', 1, '3.5.28'],
])('etcd %s has %i of the known bugs, and %s has none of them', (version, count, without) => {
  const known = knownBugs(version)
  expect([known.bugs.length, known.without]).toEqual([count, without])
})

it('a text that is no version has no line', () => {
  expect(knownBugs('master')).toEqual({ line: undefined, bugs: [], without: undefined })
})
