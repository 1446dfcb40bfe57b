import { from, toArray, firstValueFrom } from 'rxjs'
import { expect, it } from 'vitest'
import { Disconnected } from '../../../src/core/errors.js'
import { serviceInstance } from '../../../src/core/instance/instance.js'
import type { Registration } from '../../../src/core/register/registration.js'
import { registrationLines } from '../../../src/edge/cli/registration-lines.js'

type OnTaken = Parameters<typeof registrationLines>[1]

const textsOf = async (states: readonly Registration[], onTaken?: OnTaken): Promise<readonly string[]> =>
  (await firstValueFrom(from(states).pipe(registrationLines(serviceInstance({ service: 'web', id: 'a', address: 'h:1' }), onTaken), toArray()))).map(({ text }) => text)

const registered: Registration = { status: 'registered', key: '/web/a', leaseId: '1', revision: 2, ttl: 10, expiresAt: 0, renewals: 0, published: 'up' }
const revoked: Registration = { status: 'revoked', confirmed: true }
const unconfirmed: Registration = { status: 'revoked', confirmed: false, cause: new Disconnected('h:1 did not answer'), expiresAt: 0 }

it.each<[string, readonly Registration[], string | undefined]>([
  ['was registered', [registered, revoked], '- web/a is revoked'],
  ['was registered and lost', [registered, { status: 'lost', cause: new Disconnected('x'), attempt: 1, retryAt: 0 }, revoked], '- web/a is revoked'],
  ['was never registered', [{ status: 'registering' }, revoked], undefined],
  ['was held by another client', [{ status: 'registering' }, { status: 'taken', key: '/web/a', by: '7' }, revoked], undefined],
  ['was taken over by another client', [registered, { status: 'taken', key: '/web/a', by: '7' }, revoked], undefined],
  ['was withdrawn', [registered, { status: 'withdrawn' }, revoked], undefined],
  ['may still be written by etcd', [{ status: 'registering' }, unconfirmed], '- web/a is revoked, but etcd did not confirm it (h:1 did not answer); its key expires by 1970-01-01T00:00:00.000Z'],
])('an instance that %s: what is printed at the end', async (_, states, expected) => {
  expect((await textsOf(states)).find(text => text.startsWith('-'))).toBe(expected)
})

it.each<[OnTaken, string, boolean, string]>([
  ['wait', '255', false, 'lease ff); waiting until the key is deleted, or replacing it if that client is dead'],
  ['wait', '0', false, 'without a lease); waiting until the key is deleted'],
  ['fail', '255', false, 'lease ff); finding out whether that client lives'],
  // The error follows at once.
  ['fail', '0', false, 'without a lease)'],
  ['wait', '255', true, 'lease ff); waiting until the key is deleted'],
  ['fail', '255', true, 'lease ff); waiting until the key is deleted'],
  ['replace', '255', true, 'lease ff); waiting until the key is deleted'],
])('with --on-taken %s, if the key is taken under lease %s (after it was registered: %j), the line says what is done', async (onTaken, by, wasRegistered, expected) => {
  const lines = await textsOf([...(wasRegistered ? [registered] : []), { status: 'taken', key: '/web/a', by }], onTaken)
  expect(lines.at(-1)).toBe(`web/a is not registered because another client has written /web/a (${expected}`)
})
