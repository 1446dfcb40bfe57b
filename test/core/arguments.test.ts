import { EMPTY, of } from 'rxjs'
import { describe, expect, expectTypeOf, it } from 'vitest'
import * as checks from '../../src/core/arguments.js'
import { invalidArguments, invalidOptions, type Checks } from '../../src/core/arguments.js'
import { invalidIf, type Validator } from '../../src/core/validation.js'
import { exponential, native, peakEwma, roundRobin } from '../../src/index.js'
import { memoryRegistry } from '../../src/edge/memory/index.js'

const message = (check: Validator, value: unknown): string | undefined => invalidIf('it', check, value)?.message
const registry = memoryRegistry()
const { list, watch, check } = registry
const signal = new AbortController().signal

describe('numbers', () => {
  const rows: readonly (readonly [Validator, readonly unknown[], readonly unknown[]])[] = [
    [checks.duration, [0, 0.5, 2 ** 31 - 1], [-1, 2 ** 31, Infinity, NaN, '5', null, undefined, 5n]],
    [checks.durationOrForever, [0, Infinity], [-1, 2 ** 31, -Infinity, '5']],
    [checks.period, [1, 5000], [0, 0.5, 2 ** 31, Infinity, NaN]],
    [checks.ttlSeconds, [1, 10, 9e9], [0, 0.5, 9e9 + 1, Infinity, '10']],
    [checks.count, [1, 2, Infinity], [0, 1.5, -1, NaN, '1']],
    [checks.share, [0, 0.25, 1], [-0.1, 2, NaN, '25%']],
    [checks.percent(), [0, 1, 50, 100], [0.5, 101, -1, NaN, '50%']],
    [checks.percent(Infinity), [0, 1, 1e9, Infinity], [0.5, -1]],
    [checks.numberFrom(2, 10), [2, 10], [1, 11, NaN, '2']],
    [checks.numberFrom(0), [0, 1e308], [-1, Infinity, NaN]],
    [checks.text, ['', 'a'], [1, null]],
    [checks.flag, [true, false], [1, 'true', null]],
    [checks.serviceNames, [[], ['web', 'foo/bar']], ['web', ['a//b'], [1]]],
    [checks.functionOf('a function'), [() => 1], [1, null, {}]],
    [checks.observable, [of(1), EMPTY], [() => of(1), Promise.resolve(), signal, 'up', [1], null, registry]],
    [checks.observableInput, [of(1), Promise.resolve(), [1], new Set()], ['up', () => of(1), null, 7, {}]],
    [checks.abortSignal, [signal], [new AbortController(), of(1), null]],
    [checks.readableRegistry, [registry, { list, watch, check }], [memoryRegistry, null, {}, of(1), 'http://localhost:2379']],
    [checks.registry, [registry], [memoryRegistry, { list, watch, check }, null]],
    [checks.instanceInput, [{ service: 'web', address: 'a:1' }, of(null), {}], [null, 'web', [], registry, () => 1]],
    [checks.formats, [native(), [native()], [native(), native({ prefix: '/a' })]], [native, [], [native], null, 'native', {}]],
    [checks.policy, [roundRobin(), peakEwma()], [roundRobin, null, {}, 'peakEwma', { ...peakEwma(), decay: 0 }, { ...peakEwma(), decay: Infinity }]],
    [checks.backoff, [exponential()], [exponential, null, 50, {}]],
    [checks.userAndPassword, [{ username: 'a', password: 'b' }], [{ user: 'a', pass: 'b' }, { username: 'a' }, 'a:b', null]],
  ]
  it.each(rows.map((row, index) => [index, ...row] as const))('and other checks pass what is right and nothing else, row %i', (_index, one, right, wrong) => {
    expect(right.map(value => message(one, value))).toEqual(right.map(() => undefined))
    for (const value of wrong) expect(message(one, value)).toMatch(/^it(\.\w+)? (must|is not) /)
  })
  it('are total: a proxy or a getter that throws passes none', () => {
    const hostile = new Proxy({}, { get: () => { throw new Error('no') }, has: () => { throw new Error('no') } })
    for (const one of [checks.observable, checks.observableInput, checks.abortSignal, checks.registry, checks.formats, checks.policy, checks.backoff]) expect(message(one, hostile)).toMatch(/^it must /)
  })
})

describe('the message', () => {
  it.each([
    [checks.share, 25, 'it must be a number from 0 to 1, got 25 (25 % is 0.25)'],
    [checks.percent(), 0.5, 'it must be a number of percent, 0 or from 1 to 100, got 0.5 (a share of 0.5 is 50 %)'],
    [checks.registry, memoryRegistry, 'it must be a registry that can be written, such as etcdRegistry({ hosts }), got the function memoryRegistry (call it: memoryRegistry())'],
    [checks.policy, roundRobin, 'it must be a policy, such as roundRobin(), and its decay a number of milliseconds, got the function roundRobin (call it: roundRobin())'],
    [checks.formats, [native], 'it.0 must be a format, such as native(), got the function native (call it: native())'],
    [checks.observable, () => of(1), 'it must be an Observable, got a function (call it, or wrap it: defer(f))'],
    [checks.observable, signal, "it must be an Observable, got an AbortSignal (fromEvent(signal, 'abort') is one)"],
    [checks.observable, 'up', 'it must be an Observable, got "up"'],
    [checks.setsObservable, registry, 'it must be an Observable of sets, such as discover(registry, service), got { list, check, remaining, … } (a registry is none: discover(registry, service) is one)'],
    [checks.abortSignal, new AbortController(), 'it must be an AbortSignal, got an AbortController (pass controller.signal)'],
    [checks.userAndPassword, { user: 'root', pass: 'hunter2' }, 'it.user is not an option of auth (did you mean username?)'],
    [checks.userAndPassword, { username: 'root', password: 7 }, 'it.password must be a string, got a number'],
  ] as const)('says how to correct it, case %#', (one, value, expected) => {
    expect(message(one, value)).toBe(expected)
  })
})

describe('invalidOptions', () => {
  interface Options {
    readonly ttl?: number
    readonly health?: unknown
    readonly timeout?: number
    readonly services?: readonly string[]
    readonly outliers?: object
  }
  const outliers = checks.optionsOf('outliers', { base: checks.duration })
  const table: Checks<Options> = { ttl: checks.ttlSeconds, health: checks.observable, timeout: checks.duration, services: checks.serviceNames, outliers }
  const problem = (options: unknown): readonly unknown[] | undefined => {
    const wrong = invalidOptions<Options>('register', options as Options, table)
    return wrong && [wrong.argument, wrong.message]
  }

  it('passes options that are right, absent, or undefined', () => {
    expect([{ ttl: 10 }, { ttl: undefined, other: undefined }, {}, undefined].map(problem)).toEqual([undefined, undefined, undefined, undefined])
  })
  it.each([
    [{ TTL: 5 }, 'TTL', 'TTL is not an option of register (did you mean ttl?)'],
    [{ heath: of('up') }, 'heath', 'heath is not an option of register (did you mean health?)'],
    [{ timeoutMs: 5 }, 'timeoutMs', 'timeoutMs is not an option of register (did you mean timeout?)'],
    [{ service: ['web'] }, 'service', 'service is not an option of register (did you mean services?)'],
    [{ colour: 1 }, 'colour', 'colour is not an option of register (there are ttl, health, timeout, services, outliers)'],
    [{ ['x'.repeat(1e6)]: 1 }, `${'x'.repeat(60)}…`, `${'x'.repeat(60)}… is not an option of register (there are ttl, health, timeout, services, outliers)`],
    [{ constructor: 1 }, 'constructor', 'constructor is not an option of register (there are ttl, health, timeout, services, outliers)'],
    [{ ttl: null }, 'ttl', 'ttl must be a whole number of seconds from 1 to 9000000000, got null'],
    [{ outliers: { base: -1 } }, 'outliers.base', 'outliers.base must be a number of milliseconds from 0 to 2147483647, got -1'],
    [{ outliers: { bases: 1 } }, 'outliers.bases', 'outliers.bases is not an option of outliers (did you mean base?)'],
    [null, 'options', 'options must be an object of options, got null (register takes them by name: { ttl, health, timeout, services, outliers })'],
    [['web'], 'options', 'options must be an object of options, got ["web"] (register takes them by name: { ttl, health, timeout, services, outliers })'],
    [() => 1, 'options', 'options must be an object of options, got a function (register takes them by name: { ttl, health, timeout, services, outliers })'],
  ])('names the option that is wrong, case %#', (options, argument, expected) => {
    expect(problem(options)).toEqual([argument, expected])
  })
  it('asks for options that are required', () => {
    expect(invalidOptions<{ size: number }>('subset', undefined, { size: checks.count }, ['size'])?.message).toBe('options must be an object of options, got undefined (subset takes them by name: { size })')
    expect(invalidOptions<{ size: number }>('subset', {} as never, { size: checks.count }, ['size'])?.message).toBe('size must be a whole number, 1 or more, got undefined')
  })
  it('does not compile with a table that forgets an option, or has one too many', () => {
    expectTypeOf<Checks<{ readonly a?: number }>>().toEqualTypeOf<{ readonly a: Validator }>()
    // @ts-expect-error there is no check of b
    expect(invalidOptions<{ a?: number; b?: number }>('verb', {}, { a: checks.count })).toBeUndefined()
    // @ts-expect-error there is no option b
    expect(invalidOptions<{ a?: number }>('verb', {}, { a: checks.count, b: checks.count })).toBeUndefined()
  })
})

describe('invalidArguments', () => {
  const instance = { service: 'web', address: 'a:1' }
  const problem = (...[first, second]: readonly unknown[]): string | undefined =>
    invalidArguments('register(registry, instance, options)', ['registry', checks.registry, first], ['instance', checks.instanceInput, second])?.message

  it('passes arguments that are right', () => {
    expect(problem(registry, instance)).toBeUndefined()
  })
  it('names the first that is wrong, and shows the signature', () => {
    expect(problem({}, instance)).toBe('registry must be a registry that can be written, such as etcdRegistry({ hosts }), got {} (see register(registry, instance, options))')
    expect(problem(registry, null)).toBe('instance must be an instance, such as { service, address }, or an Observable of instances, got null (see register(registry, instance, options))')
    expect(problem(memoryRegistry, instance)).toContain('(call it: memoryRegistry())')
  })
  it('recognizes two that are swapped', () => {
    expect(problem(instance, registry)).toBe(
      'registry must be a registry that can be written, such as etcdRegistry({ hosts }), got { service, address } (registry and instance are swapped: register(registry, instance, options))',
    )
  })
})
