import { expect, it } from 'vitest'
import { linkOf, readLink } from '../../../src/edge/board/board-link.js'
import { noFilters } from '../../../src/edge/board/filters.js'

it('a link holds the revision, the selected instance and the filters', () => {
  const link = { filters: { ...noFilters, zone: 'eu west', sick: true }, past: 1234, selected: 'foo/bar/node1' }
  const query = linkOf(new URLSearchParams('theirs=1'), link)
  expect(query).toBe('?theirs=1&zone=eu+west&sick=1&at=1234&show=foo%2Fbar%2Fnode1')
  expect(readLink(new URLSearchParams(query))).toEqual(link)
})

it('a link holds a revision of a history that was replaced', () => {
  const { past } = readLink(new URLSearchParams('at=7~2'))
  expect(linkOf(new URLSearchParams(), { filters: noFilters, past, selected: '' })).toBe('?at=7%7E2')
})

it.each(['7~', '1~x', '', '0', '-1', '1.5', 'x', '99999999999999999'])('at=%s is no revision', at => {
  expect(readLink(new URLSearchParams({ at })).past).toBeUndefined()
})

it('nothing to hold leaves no query', () => {
  expect(linkOf(new URLSearchParams('at=7&q=x'), { filters: noFilters, past: undefined, selected: '' })).toBe('')
})
