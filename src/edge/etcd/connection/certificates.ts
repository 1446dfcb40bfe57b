import { createSecureContext } from 'node:tls'
import type { IOptions } from 'etcd3'
import { defer, of, raceWith, share, Subscription, tap, throwError, type Observable, type SchedulerLike } from 'rxjs'
import { isRecord } from '../../../core/instance/json.js'
import { optionsOf } from '../../../core/arguments.js'
import { toError } from '../../../core/errors.js'
import { must, secret, type Validator } from '../../../core/validation.js'
import { background, now, timers } from '../../../flow/clock.js'
import { nothing, subscribeWithin } from '../../../flow/subscribe-within.js'
import { supplied, type Supplied } from './supplied.js'

/** The certificate of the authority that signed etcd's, and the client's own certificate with its key: the contents of PEM files. */
export type TlsCredentials = NonNullable<IOptions['credentials']>

/** Whether a value is the content of a PEM file. */
export const isPem = (value: unknown): boolean => Buffer.isBuffer(value) && value.includes('-----BEGIN')

const pem = secret(must(isPem, 'be the content of a PEM file, as a Buffer', 'such as readFileSync(path)'))
const fields = secret(optionsOf('credentials', { rootCertificate: pem, privateKey: pem, certChain: pem }))

/** PEM contents that TLS accepts. The flaw shows none of them. */
export const tlsCredentials: Validator = value => {
  const found = fields(value)
  if (found || !isRecord(value)) return found
  const { rootCertificate: ca, privateKey: key, certChain: cert } = value as Partial<TlsCredentials>
  if ((key === undefined) !== (cert === undefined)) return { path: [], must: 'must have both privateKey and certChain, or neither' }
  try {
    createSecureContext({ ca, key, cert })
    return undefined
  } catch (error) {
    return { path: [], must: 'must be certificates and a key that belong together, in PEM format', hint: toError(error).message }
  }
}

/** The certificates with which connections are opened, and which may change. */
export interface Certificates {
  /** The same object as before, unless they have changed. undefined if none are known yet, or none are needed. */
  readonly current: () => TlsCredentials | undefined
  /** Emits once when connections can be opened. Errors with `Disconnected` if the certificates cannot be had. */
  readonly ready: Observable<unknown>
  /** Asks for them again, unless they were asked for a moment ago. If they come later, `current` returns them from then on. */
  readonly renew: () => void
  /** Why they could not be had the last time; undefined if they could, or if there were none before. */
  readonly trouble: () => Error | undefined
}

/** How often (ms) a function is asked for certificates during an outage. */
const askedEvery = 1_000

const parts = ['rootCertificate', 'privateKey', 'certChain'] as const
const isSame = (a: TlsCredentials, b: TlsCredentials): boolean =>
  parts.every(part => {
    const [one, other] = [a[part], b[part]]
    return one === other || (one !== undefined && other !== undefined && one.equals(other))
  })

/** The certificates of one registry. `closed` errors when the registry is closed, and never emits. */
export const certificates = (given: Supplied<TlsCredentials> | undefined, closed: Observable<never>): Certificates => {
  if (typeof given !== 'function') return { current: () => given, ready: of(undefined), renew: nothing, trouble: () => undefined }
  let known: TlsCredentials | undefined
  let failure: Error | undefined
  let askedAt = -Infinity
  const asking = (on: SchedulerLike): Observable<TlsCredentials> =>
    defer(() => {
      askedAt = now()
      return supplied('credentials', given, tlsCredentials, on)
    }).pipe(
      tap({
        next: answer => {
          failure = undefined
          if (known === undefined || !isSame(known, answer)) known = answer
        },
        // The former ones may still be valid, so they are kept.
        error: (error: unknown) => (failure = toError(error)),
      }),
      raceWith(closed),
      share(),
    )
  const asked = asking(timers)
  /** Nothing waits for it. */
  const renewed = asking(background)
  const isDue = (): boolean => now() - askedAt >= askedEvery
  return {
    current: () => known,
    ready: defer(() => {
      if (known) return of(undefined)
      return failure && !isDue() ? throwError(() => toError(failure)) : asked
    }),
    renew: () => {
      // Without any, calls ask. It ends by itself: with an answer, with a failure, or when the registry is closed.
      if (known !== undefined && isDue()) subscribeWithin(new Subscription(), renewed, { next: nothing, error: nothing, complete: nothing })
    },
    trouble: () => (known ? failure : undefined),
  }
}
