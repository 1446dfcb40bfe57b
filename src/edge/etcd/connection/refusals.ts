import { now } from '../../../flow/clock.js'
import { isCertificateRefused, NeverSent } from './etcd-errors.js'

/** How long (ms) the connection in use may be silent or refuse before another one is dialled. The system itself redials a connection that swallows packets after a minute. */
export const firstDialAfter = 500
/** The pause (ms) between further dials. */
export const dialEvery = 1_000
/**
 * How long (ms) no connection could be made before another channel dials, and the pause between such dials. grpc-js (1.14) dials without a deadline, so a
 * lost packet in a handshake can stop its channel for ever; on Node 24 a reset between the TLS handshake and the HTTP/2 session does. Calls then go on
 * failing with the error of the dial before.
 */
const stuckAfter = 2_000
/** The pause (ms) after etcd has refused the client's certificate. Each such refusal leaks a socket in Node (20.20), so the channel must not redial. */
const afterRefusedCertificate = 1_000
/** After a pause of this length (ms) between two refusals, the count starts over. */
const forgetAfter = 2_000

/** The refusals of the connection in use, and what follows from them. */
export interface Refusals {
  readonly note: (error: unknown) => void
  /** The connection in use has answered. */
  readonly answered: () => void
  /** Whether another connection must be dialled beside the one in use: that one refuses, or it cannot be made. */
  readonly needsAnother: () => boolean
  /** Another connection is dialled because of them. */
  readonly dialled: () => void
  /** How long (ms) to wait before the next question; below 0: not at all. */
  readonly pause: () => number
}

/** No refusals so far. */
export const refusals = (): Refusals => {
  // Since when it refuses, and since when it cannot be made; the last refusal, the last dial because of one, and the last refused certificate.
  let [refusedSince, unmadeSince, lastAt, dialledAt, certificateAt] = [Infinity, Infinity, -Infinity, -Infinity, -Infinity]
  const answered = (): void => {
    refusedSince = unmadeSince = Infinity
  }
  return {
    note: error => {
      const at = now()
      if (isCertificateRefused(error)) {
        certificateAt = at
        return
      }
      if (at - lastAt > forgetAfter) answered()
      // A connection that was not made is redialled by its channel, as a rule.
      if (error instanceof NeverSent) unmadeSince = Math.min(unmadeSince, at)
      else refusedSince = Math.min(refusedSince, at)
      lastAt = at
    },
    answered,
    needsAnother: () => {
      const at = now()
      const isRefused = at - refusedSince >= firstDialAfter && at - dialledAt >= dialEvery
      const isStuck = at - unmadeSince >= stuckAfter && at - dialledAt >= stuckAfter
      return at - lastAt <= forgetAfter && (isRefused || isStuck)
    },
    dialled: () => {
      dialledAt = now()
    },
    pause: () => certificateAt + afterRefusedCertificate - now(),
  }
}
