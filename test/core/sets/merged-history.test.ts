import { expect, it } from 'vitest'
import { serviceInstance } from '../../../src/core/instance/instance.js'
import { mergedHistory } from '../../../src/core/sets/merged-history.js'
import { serviceSet, type ServiceSet } from '../../../src/core/sets/service-set.js'

const set = (revision: number, ...ids: readonly string[]): ServiceSet =>
  serviceSet('web', ids.map(id => serviceInstance({ service: 'web', id, address: `${id}:80` })), { revision, asOf: revision })
const shown = (sets: readonly ServiceSet[]): readonly string[] => sets.map(one => `${one.status} ${one.revision}: ${[...one].map(({ id }) => id).join(' ')}`)

it('the histories of several formats are one: a set for each revision, with the instances of all formats', () => {
  expect(shown(mergedHistory('web', [[set(3, 'a'), set(5, 'a', 'b'), set(9, 'b')], [set(3), set(5, 'c'), set(7, 'c', 'd')]]))).toEqual([
    'live 3: a',
    'live 5: a b c',
    'live 7: a b c d',
    'live 9: b c d',
  ])
})
