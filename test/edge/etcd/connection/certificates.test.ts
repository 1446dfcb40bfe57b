import { NEVER, Subject } from 'rxjs'
import { TestScheduler } from 'rxjs/testing'
import { describe, expect, it } from 'vitest'
import { Closed } from '../../../../src/core/errors.js'
import { certificates as certificatesOf, tlsCredentials, type TlsCredentials } from '../../../../src/edge/etcd/connection/certificates.js'
import type { Supplied } from '../../../../src/edge/etcd/connection/supplied.js'
import { withClock } from '../../../../src/flow/clock.js'
import { certificates as issued } from '../../../etcd/tls.js'

const { ca, client } = issued()
const one: TlsCredentials = { rootCertificate: ca, certChain: client.cert, privateKey: client.key }
const other: TlsCredentials = { rootCertificate: ca }
const copyOf = (pem: TlsCredentials): TlsCredentials => ({ ...pem, rootCertificate: Buffer.from(pem.rootCertificate) })

const scene = (test: (at: (ms: number, run: () => void) => void, scheduler: TestScheduler) => void) => () => {
  const scheduler = new TestScheduler((actual, expected) => expect(actual).toEqual(expected))
  withClock({ now: () => scheduler.frame }, () => scheduler.run(() => test((ms, run) => scheduler.schedule(run, ms), scheduler)))
}

/** Certificates from a function that answers `next()`. */
const counted = (next: () => Supplied<TlsCredentials> | Error, closed = NEVER) => {
  const counts = { asked: 0 }
  const all = certificatesOf(() => {
    counts.asked += 1
    const answer = next()
    if (answer instanceof Error) throw answer
    return answer as TlsCredentials
  }, closed)
  return { ...all, counts }
}

describe('certificates', () => {
  it('that are a value never change', () => {
    const { current, renew, trouble } = certificatesOf(one, NEVER)
    renew()
    expect([current(), trouble()]).toEqual([one, undefined])
  })

  it(
    'from a function are the same object as long as their content is the same, and the function is asked once a second at most',
    scene(at => {
      let answer = one
      const { current, ready, renew, counts } = counted(() => answer)
      expect([current(), counts.asked]).toEqual([undefined, 0])
      ready.subscribe()
      ready.subscribe()
      expect([current(), counts.asked]).toEqual([one, 1])
      answer = other
      at(999, renew)
      at(999, () => expect([current(), counts.asked]).toEqual([one, 1]))
      at(1_000, () => (answer = copyOf(one)))
      at(1_000, renew)
      at(1_000, () => {
        expect(counts.asked).toBe(2)
        expect(current()).toBe(one)
      })
      at(2_000, () => (answer = other))
      at(2_000, renew)
      at(2_000, () => expect(current()).toBe(other))
    }),
  )

  it(
    'that cannot be had are an error for all that wait, and none once there were others; the function is asked once a second at most',
    scene(at => {
      let answer: TlsCredentials | Error = new Error('no vault')
      const { current, ready, renew, trouble, counts } = counted(() => answer)
      const errors: unknown[] = []
      const ask = (): void => void ready.subscribe({ error: (error: unknown) => errors.push(error) })
      ask()
      ask()
      expect([errors, counts.asked, trouble()]).toMatchObject([[{ name: 'Disconnected', message: 'the function passed as credentials failed: no vault' }, { name: 'Disconnected' }], 1, undefined])
      at(1_000, () => (answer = one))
      at(1_000, ask)
      at(1_000, () => expect([errors.length, current()]).toEqual([2, one]))
      at(2_000, () => (answer = new Error('no vault')))
      at(2_000, renew)
      at(2_000, () => expect([current(), trouble()?.message]).toEqual([one, 'the function passed as credentials failed: no vault']))
      at(3_000, () => (answer = one))
      at(3_000, renew)
      at(3_000, () => expect(trouble()).toBeUndefined())
    }),
  )

  it(
    'that a Promise never brings are an error after five seconds; closing ends the wait',
    scene(at => {
      const closed = new Subject<never>()
      const seen: unknown[] = []
      const { ready, counts } = counted(() => new Promise(() => undefined) as never, closed)
      const ask = (): void => void ready.subscribe({ error: (error: unknown) => seen.push(error instanceof Error && [error.name, error.message]) })
      ask()
      at(4_000, ask)
      at(4_999, () => expect(seen).toEqual([]))
      const late = ['Disconnected', 'the function passed as credentials failed: its Promise was pending after 5000 ms']
      at(5_001, () => expect([seen, counts.asked]).toEqual([[late, late], 1]))
      at(5_001, ask)
      at(5_500, () => closed.error(new Closed()))
      at(5_500, () => expect(seen.at(-1)).toEqual(['Closed', 'the registry is closed']))
    }),
  )

  it.each([
    ['a string', 'x', 'must be an object of options'],
    ['no Buffer', { rootCertificate: 'x' }, 'must be the content of a PEM file, as a Buffer'],
    ['a key without its certificate', { rootCertificate: ca, privateKey: client.key }, 'must have both privateKey and certChain, or neither'],
    ['a key of another certificate', { ...one, privateKey: issued().client.key }, 'must be certificates and a key that belong together, in PEM format'],
    ['a certificate as the key', { ...one, privateKey: client.cert }, 'must be certificates and a key that belong together, in PEM format'],
    ['no PEM', { rootCertificate: Buffer.from('x') }, 'must be the content of a PEM file, as a Buffer'],
    ['an empty file', { rootCertificate: Buffer.from('') }, 'must be the content of a PEM file, as a Buffer'],
  ])('with %s are refused without showing them', (_, value, must) => {
    expect(tlsCredentials(value)).toMatchObject({ must })
    expect(JSON.stringify(tlsCredentials(value))).not.toContain(client.key.toString().slice(40, 60))
    expect(tlsCredentials(one)).toBeUndefined()
  })

  it('of a function that throws show no secret of it', () => {
    const key = String(client.key)
    const errorOf = (thrown: unknown): unknown => {
      let found: unknown
      counted(() => thrown as Error).ready.subscribe({ error: (error: unknown) => (found = error) })
      return found
    }
    const error = errorOf(new Error(`bad key ${key} of https://user:pass@vault/x: "hunter2"`, { cause: new Error('hunter2') })) as Error
    expect([error.message, error.cause]).toEqual(['the function passed as credentials failed: bad key … of https://…@vault/x: "…"', undefined])
  })
})
