import fc from 'fast-check'
import { expect, it } from 'vitest'
import type { Change } from '../../../src/core/store.js'
import { revisionsOf } from '../../../src/core/view/revisions.js'

const change = (key: string, revision: number): Change => ({ key, value: '', lease: '0', revision })

it('a batch is cut into its revisions, and what comes after `to` is left out', () => {
  const changes = [change('a', 2), change('b', 2), change('a', 5), change('c', 7)]
  expect(revisionsOf({ cluster: '1', revision: 7, changes }, 6)).toEqual([
    { cluster: '1', revision: 2, changes: changes.slice(0, 2) },
    { cluster: '1', revision: 5, changes: changes.slice(2, 3) },
  ])
  expect(revisionsOf({ cluster: '1', revision: 9, changes: [] }, 9)).toEqual([])
})

it('the revisions of a batch are all of its changes up to `to`, in order, and no two of them are equal', () =>
  fc.assert(
    fc.property(fc.array(fc.nat({ max: 20 })), fc.nat({ max: 20 }), (revisions, to) => {
      const changes = revisions.sort((a, b) => a - b).map((revision, at) => change(`k${at}`, revision))
      const parts = revisionsOf({ cluster: '1', revision: 20, changes }, to)
      expect(parts.flatMap(part => part.changes)).toEqual(changes.filter(({ revision }) => revision <= to))
      expect(parts.map(({ revision }) => revision)).toEqual([...new Set(revisions.filter(revision => revision <= to))])
    }),
  ))
