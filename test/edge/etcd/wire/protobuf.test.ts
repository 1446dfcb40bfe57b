import fc from 'fast-check'
import { lastValueFrom, toArray } from 'rxjs'
import { describe, expect, it } from 'vitest'
import { readChange, readPage, readWatch } from '../../../../src/edge/etcd/wire/messages.js'
import { rangeOf } from '../../../../src/edge/etcd/range/range.js'
import { readAll } from '../../../../src/edge/etcd/range/read-all.js'
import { reader, toDecimal, toNumber } from '../../../../src/edge/etcd/wire/protobuf.js'
import { bytes, number, varint } from './protobuf-writer.js'

const keyValue = (key: string, value: string, revision: bigint, lease: bigint): Buffer =>
  Buffer.concat([bytes(1, key), number(2, 1n), number(3, revision), number(4, 1n), bytes(5, value), number(6, lease)])
const header = (revision: bigint): Buffer => bytes(1, Buffer.concat([number(1, 2n ** 64n - 1n), number(2, 7n), number(3, revision), number(4, 2n)]))

const int64 = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })

describe('the wire', () => {
  it('reads every int64: exactly as a decimal, and as a number or, from 2^53 on, an error', () => {
    fc.assert(
      fc.property(int64, value => {
        const message = number(3, value)
        const field = reader(message).next()
        if (field === undefined) throw new Error('no field')
        expect(toDecimal(field)).toBe(String(value))
        if (value >= -(2n ** 53n) + 1n && value < 2n ** 53n) expect(toNumber(field)).toBe(Number(value))
        else expect(() => toNumber(field)).toThrow(RangeError)
      }),
      { examples: [[2n ** 53n], [2n ** 53n - 1n], [2n ** 31n], [2n ** 32n - 1n], [-1n], [-(2n ** 63n)], [2n ** 63n - 1n]] },
    )
  })
  it('reads key-values as they were written', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), fc.string({ unit: 'grapheme' }), fc.bigInt(1n, 2n ** 53n - 1n), int64, (key, value, revision, lease) => {
        const message = keyValue(key, value, revision, lease)
        expect(readChange(message, 0, message.length)).toEqual({ key, value, revision: Number(revision), lease: String(lease) })
      }),
    )
  })
  it('reads a cluster id that has all 64 bits', () => {
    expect(readPage(header(5n))).toMatchObject({ cluster: '18446744073709551615', revision: 5 })
  })
  it('skips unknown fields of any type', () => {
    const unknown = Buffer.concat([number(99, 5n), bytes(100, 'x'), Buffer.from([...varint((101n << 3n) | 1n), ...Buffer.alloc(8)]), Buffer.from([...varint((102n << 3n) | 5n), ...Buffer.alloc(4)])])
    const event = (kind: bigint) => bytes(11, Buffer.concat([number(1, kind), bytes(2, keyValue('k', 'v', 9n, 3n))]))
    expect(readWatch(Buffer.concat([header(9n), unknown, number(2, 4n), event(0n), event(1n), unknown]))).toMatchObject({
      id: '4',
      changes: [{ key: 'k', value: 'v', lease: '3', revision: 9 }, { key: 'k', value: null, lease: '0', revision: 9 }],
    })
  })
  it('refuses half a message', () => {
    const message = Buffer.concat([header(5n), bytes(2, bytes(1, 'key'))])
    for (const lost of [1, 2, 3, 4]) expect(() => readPage(message.subarray(0, message.length - lost))).toThrow(RangeError)
  })
  it('reads any bytes as a message or throws a RangeError', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), garbage => {
        for (const read of [readPage, readWatch])
          try {
            read(Buffer.from(garbage))
          } catch (error) {
            expect(error).toBeInstanceOf(RangeError)
          }
      }),
      { numRuns: 2_000 },
    )
  })
})

describe('a page', () => {
  const one = bytes(2, keyValue('key', 'v'.repeat(200), 5n, 2n ** 62n))
  it('is read in slices between which the event loop goes on, and no further after it is unsubscribed', async () => {
    const page = readPage(Buffer.concat([header(5n), ...Array.from({ length: 100_000 }, () => one)]))
    let turns = 0
    let turn: NodeJS.Immediate
    const count = (): void => {
      turns++
      turn = setImmediate(count)
    }
    turn = setImmediate(count)
    expect((await lastValueFrom(readAll(page, readChange).pipe(toArray()))).flat()).toHaveLength(100_000)
    expect(turns).toBeGreaterThan(2)
    let read = 0
    readAll(page, (...at) => [read++, readChange(...at)]).subscribe().unsubscribe()
    const before = read
    await new Promise(resolve => setTimeout(resolve, 20))
    clearImmediate(turn)
    expect(read).toBe(before)
    expect(read).toBeLessThan(100_000)
  })
})

describe('the range of a prefix', () => {
  it('has exactly the keys that begin with it', () => {
    const within = (prefix: string, key: string): boolean => {
      const { key: from, range_end: to } = rangeOf(prefix)
      return Buffer.compare(Buffer.from(key), from) >= 0 && Buffer.compare(Buffer.from(key), to ?? from) < 0
    }
    const text = fc.string({ unit: fc.constantFrom('a', 'b', '/', '0', 'ü', '\u{10ffff}', '\x7f'), minLength: 1, maxLength: 4 })
    fc.assert(fc.property(text, text, (prefix, key) => {
      expect(within(prefix, key)).toBe(key.startsWith(prefix))
    }))
    expect(rangeOf('')).toEqual({ key: Buffer.from([0]), range_end: Buffer.from([0]) })
  })
})
