import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { covers, isUnicode } from '../../../../src/core/store.js'
import { readChange } from '../../../../src/edge/etcd/wire/messages.js'
import { textIn } from '../../../../src/edge/etcd/wire/text-in.js'
import { bytes } from './protobuf-writer.js'

/** Bytes, often valid UTF-8 with invalid bytes in between, and parts of sequences, surrogates, escapes and replacement characters. */
const piece = fc.oneof(
  fc.string({ unit: 'grapheme', maxLength: 4 }).map(text => Buffer.from(text)),
  fc.uint8Array({ maxLength: 4 }).map(part => Buffer.from(part)),
  fc.constantFrom('�', '\\xff', '/', '𝛼', '').map(text => Buffer.from(text)),
  fc.constantFrom([0xff], [0xed, 0xa0, 0x80], [0xed, 0xb0, 0x80], [0xc0, 0x80], [0xe2, 0x82], [0xf0, 0x9d, 0x9b], [0xf4, 0x90, 0x80, 0x80]).map(part => Buffer.from(part)),
)
const anyBytes = fc.array(piece, { maxLength: 8 }).map(parts => Buffer.concat(parts))

/** The bytes that a text stands for. */
const bytesOf = (text: string): Buffer =>
  Buffer.concat(text.split(/(\udc00\\x[0-9a-f]{2})/u).map(part => (part.startsWith('\udc00') ? Buffer.from(part.slice(3), 'hex') : Buffer.from(part))))

describe('textIn', () => {
  it('12.5 is injective: every text stands for exactly one sequence of bytes', () => {
    fc.assert(
      fc.property(anyBytes, any => {
        expect(bytesOf(textIn(any))).toEqual(any)
      }),
      { numRuns: 2_000 },
    )
  })
  it('12.5 leaves valid UTF-8 as it is, and makes everything else no valid text', () => {
    fc.assert(
      fc.property(anyBytes, any => {
        const text = any.toString()
        if (Buffer.from(text).equals(any)) expect(textIn(any)).toBe(text)
        else expect(isUnicode(textIn(any))).toBe(false)
      }),
    )
  })
  it('12.5 begins with a prefix if and only if the bytes do', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), anyBytes, fc.boolean(), (prefix, rest, lies) => {
        const key = lies ? Buffer.concat([Buffer.from(prefix), rest]) : rest
        expect(covers(prefix, textIn(key))).toBe(key.subarray(0, Buffer.byteLength(prefix)).equals(Buffer.from(prefix)))
      }),
    )
  })
  it('shows each invalid byte in hexadecimal', () => {
    expect(textIn(Buffer.from([0x2f, 0x61, 0xff, 0x62, 0xc3]))).toBe('/a\udc00\\xffb\udc00\\xc3')
    expect(Buffer.from(textIn(Buffer.from([0x61, 0xff]))).toString()).toBe('a�\\xff')
    expect(textIn(Buffer.from('x\ufffdy'))).toBe('x\ufffdy')
  })
  it('12.5 reads the keys and the values of messages', () => {
    const message = Buffer.concat([bytes(1, Buffer.from([0x61, 0xff])), bytes(5, Buffer.from([0xfe]))])
    expect(readChange(message, 0, message.length)).toMatchObject({ key: 'a\udc00\\xff', value: '\udc00\\xfe' })
  })
})
