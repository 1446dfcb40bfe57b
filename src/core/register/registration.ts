import { LeaseLost } from '../errors.js'
import type { Lease, Revision } from '../store.js'

/** The facts about a registration that is present in the registry, or draining. */
export interface Registered {
  readonly leaseId: string
  readonly key: string
  /** The revision of the last write. */
  readonly revision: Revision
  /** The TTL that was granted, seconds. */
  readonly ttl: number
  /** When the lease expires unless it is renewed, epoch ms. */
  readonly expiresAt: number
  /** How often the lease was renewed. */
  readonly renewals: number
  /** The error of `health`, because of which the instance is `down`. */
  readonly healthError?: Error
}

/** The states that `register` emits. */
export type Registration =
  | { readonly status: 'registering' }
  | ({ readonly status: 'registered' } & Registered)
  /** The instance may no longer be in the registry. `attempt` counts failures in a row from 1; the next attempt starts at `retryAt` (epoch ms). */
  | { readonly status: 'lost'; readonly cause: Error; readonly attempt: number; readonly retryAt: number }
  /** Another holder has the key (`by`: its lease, `'0'` if it has none); the key is left alone until it is deleted. */
  | { readonly status: 'taken'; readonly key: string; readonly by: string }
  | { readonly status: 'withdrawn' }
  | ({ readonly status: 'draining' } & Registered)
  | { readonly status: 'revoked' }

/** The events that change the state of a registration. */
export type RegistrationEvent =
  /** The lease was granted or renewed. */
  | { readonly type: 'leased'; readonly lease: Lease }
  /** The lease was not renewed within its TTL: it must be presumed lost as of `at` (epoch ms). */
  | { readonly type: 'overdue'; readonly at: number }
  /** The keys are as desired under the current lease. */
  | { readonly type: 'present'; readonly as: 'registered' | 'draining'; readonly key: string; readonly revision: Revision; readonly healthError?: Error }
  /** The lease is there, the keys are not: they are taken, withdrawn, or lost. */
  | { readonly type: 'absent'; readonly registration: Registration }
  /** The lease is gone, or could not be granted. */
  | { readonly type: 'leaseless'; readonly registration: Registration }

/** The state of a registration, with what its next state depends on. */
export interface RegistrationState {
  readonly registration: Registration
  readonly lease: Lease | undefined
  /** Whether the TTL of the lease has passed without a renewal. */
  readonly overdue: boolean
  /** The keys, if they are as desired. */
  readonly present: Extract<RegistrationEvent, { readonly type: 'present' }> | undefined
}

/** The state before the first event. */
export const registering: RegistrationState = { registration: { status: 'registering' }, lease: undefined, overdue: false, present: undefined }

/** If the lease lives and the keys are present, both together are the registration. */
const combined = (state: RegistrationState): RegistrationState => {
  const { lease, overdue, present } = state
  if (lease === undefined || present === undefined || overdue) return state
  const { as: status, key, revision, healthError } = present
  const { id: leaseId, ttl, expiresAt, renewals } = lease
  const registration = { status, leaseId, key, revision, ttl, expiresAt, renewals, ...(healthError === undefined ? {} : { healthError }) }
  return { ...state, registration }
}

const sameAbsence = (a: Registration, b: Registration): boolean =>
  (a.status === 'withdrawn' && b.status === 'withdrawn') || (a.status === 'taken' && b.status === 'taken' && a.key === b.key && a.by === b.by)

/** Folds the events of a registration: the only place where its state changes. An event that changes nothing keeps the `registration` object. */
export const progress = (state: RegistrationState, event: RegistrationEvent): RegistrationState => {
  switch (event.type) {
    case 'leased':
      return event.lease.id === state.lease?.id ? combined({ ...state, lease: event.lease, overdue: false }) : { ...registering, lease: event.lease }
    case 'present': {
      const { as, key, revision, healthError } = state.present ?? {}
      const same = as === event.as && key === event.key && revision === event.revision && healthError === event.healthError
      return same && state.registration.status === as ? state : combined({ ...state, present: event })
    }
    case 'overdue': {
      const cause = new LeaseLost(state.lease?.id ?? '0', 'no renewal was acknowledged within its TTL')
      const lost: Registration = { status: 'lost', cause, attempt: 1, retryAt: event.at }
      return { ...state, overdue: true, registration: state.present === undefined ? state.registration : lost }
    }
    case 'absent': {
      const { registration } = event
      // If a key disappears while its lease is overdue, report one lost lease, not two problems.
      const reported = state.overdue && registration.status === 'lost' && state.registration.status === 'lost'
      return { ...state, registration: reported || sameAbsence(state.registration, registration) ? state.registration : registration, present: undefined }
    }
    case 'leaseless':
      return { ...registering, registration: event.registration }
  }
}
