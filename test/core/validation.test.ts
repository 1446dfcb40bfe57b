import fc from 'fast-check'
import { either as E } from 'fp-ts'
import { describe, expect, it } from 'vitest'
import { either, every, flaw, invalid, invalidIf, listOf, must, oneOf, passing, reasonOf, secret, quotedValue, throwIfInvalid, under, type Validator } from '../../src/core/validation.js'
import { InvalidArgument } from '../../src/core/errors.js'
import { garbage } from '../arbitraries.js'

const text = must(value => typeof value === 'string', 'be a string')
const short = must(value => typeof value === 'string' && value.length < 3, 'be short', 'cut it')
const message = (check: Validator, value: unknown): string | undefined => invalidIf('it', check, value)?.message

describe('shown', () => {
  class Rack {
    readonly row = 1
  }
  it.each([
    ['a', '"a"'],
    ['a"\n\u0085\u007f\ud800', '"a\\"\\n\\u0085\\u007f\\ud800"'],
    ['x'.repeat(1_000_000), `"${'x'.repeat(60)}…"`],
    ['http://me:pass/word@host:80', '"…@host:80"'],
    [`me:${'x'.repeat(100)}@host`, '"…@host"'],
    [-0, '-0'],
    [NaN, 'NaN'],
    [5n, '5n'],
    [undefined, 'undefined'],
    [null, 'null'],
    [Symbol('s'), 'a symbol'],
    [() => 1, 'a function'],
    [function poll() { return 1 }, 'the function poll'],
    [Rack, 'the function Rack'],
    [new Rack(), 'a Rack'],
    [new Date(), 'a Date'],
    [new AbortController().signal, 'an AbortSignal'],
    [Promise.resolve(), 'a Promise'],
    [[], '[]'],
    [[1, 'a', null, {}, 5], '[1, "a", null, …]'],
    [[[1], {}], '[…, …]'],
    [{}, '{}'],
    [Object.create(null), '{}'],
    [{ password: 'hunter2', b: 1, 'c\n': 1, d: 1 }, '{ password, b, c\\n, … }'],
  ])('shows a value in few printable characters, case %#', (value, expected) => {
    expect(quotedValue(value)).toBe(expected)
  })
  it('is total, short and printable', () => {
    const hostile = new Proxy({}, { ownKeys: () => { throw new Error('no') }, getPrototypeOf: () => { throw new Error('no') } })
    expect(quotedValue(hostile)).toBe('a value that cannot be shown')
    fc.assert(fc.property(garbage, value => {
      expect(quotedValue(value)).toMatch(/^[^\p{Cc}\p{Cs}]{1,500}$/u)
    }))
  })
})

describe('a check', () => {
  it('by a predicate has a hint, which may depend on the value', () => {
    expect(message(short, 'long')).toBe('it must be short, got "long" (cut it)')
    expect(message(must(() => false, 'be right', value => (value === 1 ? 'one' : undefined)), 1)).toBe('it must be right, got 1 (one)')
    expect(message(must(() => false, 'be right', value => (value === 1 ? 'one' : undefined)), 2)).toBe('it must be right, got 2')
    expect(message(short, 'ok')).toBeUndefined()
  })
  it('composes: each of several, one of several, of each item, of one of several strings', () => {
    expect(message(every(text, short), 7)).toBe('it must be a string, got 7')
    expect(message(every(text, short), 'long')).toBe('it must be short, got "long" (cut it)')
    expect(message(every(text, short), 'ok')).toBeUndefined()
    expect([message(either(text, oneOf('a')), 7), message(either(oneOf('a'), text), 'b')]).toEqual(['it must be a string, got 7', undefined])
    expect(message(listOf(text, 'a list of strings'), 'a')).toBe('it must be a list of strings, got "a"')
    expect(message(listOf(text, 'a list of strings'), ['a', 1])).toBe('it.1 must be a string, got 1')
    expect(message(listOf(text, 'a list of strings'), new Array(1))).toBe('it.0 must be a string, got undefined')
    expect(message(oneOf('a', 'b', 'c'), 'd')).toBe('it must be "a", "b" or "c", got "d"')
    expect(message(oneOf('a'), 'd')).toBe('it must be "a", got "d"')
    expect(message(oneOf('a', 'b'), 'a')).toBeUndefined()
  })
  it('of a secret shows no value', () => {
    expect(message(secret(short), 'hunter2')).toBe('it must be short, got a string (cut it)')
    expect(message(secret(text), { hunter2: 1 })).toBe('it must be a string, got an object')
    expect(message(secret(text), 7)).toBe('it must be a string, got a number')
    expect(message(secret(text), undefined)).toBe('it must be a string, got undefined')
  })
  it('is a step of a decoding', () => {
    expect(passing(text)('a')).toEqual(E.right('a'))
    expect(passing(text)(1)).toEqual(E.left({ path: [], must: 'must be a string', got: '1', hint: undefined }))
  })
  it('is thrown by a factory', () => {
    expect(() => throwIfInvalid(invalidIf('it', text, 1))).toThrow(InvalidArgument)
    expect(() => throwIfInvalid(invalidIf('it', text, 'a'))).not.toThrow()
  })
})

describe('a flaw', () => {
  const deep = ['a', 'b\n', ''].reduceRight<ReturnType<typeof under>>((found, field) => under(field, found), flaw('must be right', 'hunter2', 'see there'))
  it('names the path, in the error and in its argument', () => {
    expect(deep && invalid('it', deep)).toMatchObject({ argument: 'it.a.b\\n', message: 'it.a.b\\n must be right, got "hunter2" (see there)' })
    expect(under('a', undefined)).toBeUndefined()
  })
  it('has a reason without the value, whose subject is the path or what it is called', () => {
    expect(deep && reasonOf(deep, 'the value')).toBe('a.b\\n must be right')
    expect(reasonOf(flaw('must be right', 'hunter2'), 'the value')).toBe('the value must be right')
    expect(reasonOf(flaw('must be right', 'hunter2'))).toBe('must be right')
  })
  it('cuts a path that is deep, and a name that is long', () => {
    const path = [...Array.from({ length: 60 }, (_, index) => String(index))]
    expect(reasonOf({ path, must: 'must be right' })).toBe('0.1.2.3.4.5.… must be right')
    expect(reasonOf({ path: ['x'.repeat(1e6)], must: 'must be right' })).toBe(`${'x'.repeat(60)}… must be right`)
  })
})
