import { LeaseLost } from '../errors.js'
import type { Lease, Revision } from '../store.js'

/** What a registration says of itself that is present in the registry, or draining. */
export interface Registered {
  readonly leaseId: string
  readonly key: string
  /** The revision of the last write. */
  readonly revision: Revision
  /** As granted, seconds. */
  readonly ttl: number
  /** When the lease runs out unless renewed, epoch ms. */
  readonly expiresAt: number
  readonly renewals: number
  /** Why `health` is taken for `down`, once it has errored. */
  readonly healthError?: Error
}

/** What `register` emits. */
export type Registration =
  | { readonly status: 'registering' }
  | ({ readonly status: 'registered' } & Registered)
  /** It may no longer be there: why, at which attempt in a row, and when the next one comes (epoch ms). */
  | { readonly status: 'lost'; readonly cause: Error; readonly attempt: number; readonly retryAt: number }
  /** Another holds the key (`by`: its lease, `'0'` for none); it is left alone until it is gone. */
  | { readonly status: 'taken'; readonly key: string; readonly by: string }
  | { readonly status: 'withdrawn' }
  | ({ readonly status: 'draining' } & Registered)
  | { readonly status: 'revoked' }

/** What happens to a registration. */
export type RegistrationEvent =
  | { readonly type: 'leased'; readonly lease: Lease }
  /** The lease was not renewed in time: presumed lost, as of `at` (epoch ms). */
  | { readonly type: 'overdue'; readonly at: number }
  | { readonly type: 'settled'; readonly as: 'registered' | 'draining'; readonly key: string; readonly revision: Revision; readonly healthError?: Error }
  /** Its keys are not as they should be, under the lease it has. */
  | { readonly type: 'stands'; readonly registration: Registration }
  /** It has no lease. */
  | { readonly type: 'unleased'; readonly registration: Registration }

/** A registration, with what is needed to tell its next state. */
export interface RegistrationState {
  readonly registration: Registration
  readonly lease: Lease | undefined
  /** Whether the lease has passed its TTL unrenewed. */
  readonly overdue: boolean
  readonly settled: Extract<RegistrationEvent, { readonly type: 'settled' }> | undefined
}

/** Before anything has happened. */
export const registering: RegistrationState = { registration: { status: 'registering' }, lease: undefined, overdue: false, settled: undefined }

// Written out, since it runs at each renewal of each of thousands: a spread costs ten times as much.
const held = (registration: Registration, lease: Lease | undefined, overdue: boolean, settled: RegistrationState['settled']): RegistrationState => {
  if (lease === undefined || settled === undefined || overdue) return { registration, lease, overdue, settled }
  const { as: status, key, revision, healthError } = settled
  const { id: leaseId, ttl, expiresAt, renewals } = lease
  const present = { status, leaseId, key, revision, ttl, expiresAt, renewals }
  return { registration: healthError === undefined ? present : { ...present, healthError }, lease, overdue, settled }
}

const sameStanding = (a: Registration, b: Registration): boolean =>
  (a.status === 'withdrawn' && b.status === 'withdrawn') || (a.status === 'taken' && b.status === 'taken' && a.key === b.key && a.by === b.by)

/** The fold of a registration's events: the only place where its state changes. */
export const progress = (state: RegistrationState, event: RegistrationEvent): RegistrationState => {
  switch (event.type) {
    case 'leased':
      return event.lease.id === state.lease?.id
        ? held(state.registration, event.lease, false, state.settled)
        : { ...registering, lease: event.lease }
    case 'settled': {
      const { as, key, revision, healthError } = state.settled ?? {}
      const same = as === event.as && key === event.key && revision === event.revision && healthError === event.healthError
      return same && state.registration.status === as ? state : held(state.registration, state.lease, state.overdue, event)
    }
    case 'overdue': {
      const cause = new LeaseLost(state.lease?.id ?? '0', 'no renewal was acknowledged within its TTL')
      const lost: Registration = { status: 'lost', cause, attempt: 1, retryAt: event.at }
      return { ...state, overdue: true, registration: state.settled === undefined ? state.registration : lost }
    }
    case 'stands': {
      const { registration } = event
      // what befalls the keys of an overdue lease is most likely its end, and that has been told
      const told = state.overdue && registration.status === 'lost' && state.registration.status === 'lost'
      return { ...state, registration: told || sameStanding(state.registration, registration) ? state.registration : registration, settled: undefined }
    }
    case 'unleased':
      return { ...registering, registration: event.registration }
  }
}
