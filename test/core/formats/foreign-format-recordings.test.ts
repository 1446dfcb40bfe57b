import { readFileSync } from 'node:fs'
import { either as E, option as O } from 'fp-ts'
import { describe, expect, it } from 'vitest'
import { recordedLease, wires, type Wire } from '../../interop/wires.js'

// `npm run test:interop` checks that the code of the other stacks still writes these entries.
describe("entries that the other side's own code has written", () => {
  it.each(Object.entries<Wire>(wires))('of %s are read, and written in the same way', (_, { format, fields, first, recording }) => {
    const { key, value } = JSON.parse(readFileSync(`test/interop/recordings/${recording}`, 'utf8')) as { readonly key: string; readonly value: string }
    const found = format.decode(key, value, 'greeter')
    if (E.isLeft(found) || O.isNone(found.right)) throw new Error(`not read: ${JSON.stringify(found)}`)
    const instance = found.right.value
    expect(instance).toEqual(expect.objectContaining({ service: 'greeter', ...fields(first) }))
    expect({ key: format.key(instance, { id: recordedLease, ttl: 10, expiresAt: 0, renewals: 0 }), value: format.encode(instance) }).toEqual({ key, value })
  })
})
