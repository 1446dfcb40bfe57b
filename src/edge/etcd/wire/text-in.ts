import { isUtf8 } from 'node:buffer'

/** The length of the UTF-8 sequence at `at`: 1 to 4; 0 if there is none. The shortest of them that is right is the only one, so each can be tested alone. */
const sequenceAt = (bytes: Buffer, at: number): number => {
  for (let length = 1; length <= 4 && at + length <= bytes.length; length += 1) if (isUtf8(bytes.subarray(at, at + length))) return length
  return 0
}

/** A lone surrogate, which UTF-8 cannot carry and terminals show as �, and the byte in hexadecimal. */
const escaped = (byte: number): string => `\udc00\\x${byte.toString(16).padStart(2, '0')}`

const withEscapes = (bytes: Buffer): string => {
  const parts: string[] = []
  let from = 0
  let at = 0
  while (at < bytes.length) {
    const length = sequenceAt(bytes, at)
    if (length === 0) {
      parts.push(bytes.toString('utf8', from, at), escaped(bytes[at] ?? 0))
      from = at + 1
    }
    at += length || 1
  }
  parts.push(bytes.toString('utf8', from))
  return parts.join('')
}

/**
 * A key or value as text. etcd stores any bytes. A byte that is not part of valid UTF-8 becomes `\udc00` and `\xff`; no valid text has a lone surrogate, so
 * different bytes are different texts, and what begins with a prefix does so as text, too.
 */
export const textIn = (bytes: Buffer, start = 0, end = bytes.length): string => {
  const text = bytes.toString('utf8', start, end)
  // Node decodes invalid bytes as U+FFFD. Most strings have one byte a character, and this test takes 0.1 µs.
  if (!text.includes('\ufffd')) return text
  const part = bytes.subarray(start, end)
  return isUtf8(part) ? text : withEscapes(part)
}
