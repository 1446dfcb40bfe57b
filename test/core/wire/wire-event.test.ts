import fc from 'fast-check'
import { either as E, option as O } from 'fp-ts'
import { describe, expect, it } from 'vitest'
import { Compacted, Denied, Disconnected, Rewound } from '../../../src/core/errors.js'
import { errorOfTrouble, readWireEvent, readWireId, wireEventText, wireIdText, wireTroubleOf, type WireEvent } from '../../../src/core/wire/wire-event.js'
import { garbageTexts } from '../../arbitraries.js'

const text = fc.string({ unit: 'binary' })
const revision = fc.nat({ max: Number.MAX_SAFE_INTEGER })
const change = fc.record({ key: text, value: fc.oneof(text, fc.constant(null), fc.constant(undefined)), revision, lease: text })
const changes = fc.record({ cluster: text, revision, changes: fc.array(change, { maxLength: 5 }) })
const events: fc.Arbitrary<WireEvent> = fc.oneof(
  changes.map(each => ({ type: 'listing' as const, ...each })),
  changes.map(each => ({ type: 'batch' as const, ...each })),
  fc.record({ error: text, since: fc.nat(), revision }, { requiredKeys: ['error'] }).map(each => ({ type: 'trouble' as const, ...each })),
  fc.constant({ type: 'progress' as const }),
  fc.record({ revision, count: fc.nat(), changed: fc.array(fc.record({ key: text, revision, lease: text }), { maxLength: 5 }) }).map(check => ({ type: 'check' as const, check })),
)

describe('an event', () => {
  it('is read as it was written, on one line', () => {
    fc.assert(
      fc.property(events, event => {
        const data = wireEventText(event)
        expect(data).not.toMatch(/[\r\n]/)
        expect(readWireEvent(event.type, data)).toEqual(E.right(O.some(event)))
      }),
    )
  })
  it('is read or refused, whatever comes', () => {
    const types = fc.constantFrom('listing', 'batch', 'trouble', 'progress', 'check', 'message', '')
    fc.assert(fc.property(types, fc.oneof(garbageTexts, fc.json()), (type, data) => void readWireEvent(type, data)), { numRuns: 1_000 })
  })
  it.each([
    ['batch', '{"cluster":"1","revision":-1,"changes":[]}'],
    ['batch', '{"cluster":"1","revision":1,"changes":[["a","1",1]]}'],
    ['batch', '{"cluster":"1","revision":1,"changes":[["a",1,1,"0"]]}'],
    ['batch', '{"cluster":"1","revision":9007199254740993,"changes":[]}'],
    ['listing', '{"revision":1,"changes":[]}'],
    ['check', '{"revision":1,"count":1,"changed":[["a","1",1,"0"]]}'],
    ['trouble', '{}'],
    ['progress', '[]'],
  ])('%s %s is refused', (type, data) => expect(E.isLeft(readWireEvent(type, data))).toBe(true))
  it('of an unknown type is none', () => expect(readWireEvent('later', 'anything')).toEqual(E.right(O.none)))
})

describe('an id', () => {
  const digests = fc.stringMatching(/^[\da-f]{16}$/)
  it('is read as it was written', () => {
    fc.assert(fc.property(revision, fc.option(digests, { nil: undefined }), (at, digest) => {
      expect(readWireId(wireIdText({ revision: at, digest }))).toEqual({ revision: at, digest })
    }))
  })
  it.each(['', '.', '1.', '1.ff', '-1', '1e3', '99999999999999999', 'a.0123456789abcdef', ' 1'])('%j is none', given => expect(readWireId(given)).toBe(undefined))
})

describe('trouble', () => {
  it.each([new Compacted(7), new Rewound('x'), new Denied('secret'), new Disconnected('etcd-1.internal:2379')])('%s is an error of the same class elsewhere, without its message', error => {
    const there = errorOfTrouble(wireTroubleOf(error), 'gateway')
    expect(there.constructor).toBe(error.constructor)
    expect('revision' in there ? there.revision : undefined).toBe('revision' in error ? error.revision : undefined)
    expect(JSON.stringify(wireTroubleOf(error))).not.toMatch(/secret|internal/)
  })
  it('of an unknown class is an outage', () => expect(errorOfTrouble({ error: 'Odd' }, 'gateway')).toBeInstanceOf(Disconnected))
})
