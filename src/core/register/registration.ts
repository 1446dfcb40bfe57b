import { LeaseLost } from '../errors.js'
import type { Status } from '../instance/instance.js'
import type { Lease, Revision } from '../store.js'
import type { Override } from './desired.js'

/** Why the status of the instance in the registry is not the one that the instance itself has. */
export interface StatusReasons {
  /** The error of `health`, because of which the instance is `down`. */
  readonly healthError?: Error
  /** An operator's override; it decides the status until its key is deleted. */
  readonly override?: Override
}

/** The facts about a registration that is present in the registry, or draining. */
export interface Registered extends StatusReasons {
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
  /** The status of the instance as it was written last. Only instances that are `up` get calls. */
  readonly published: Status
}

/** The states that `register` emits. */
export type Registration =
  | { readonly status: 'registering' }
  | ({ readonly status: 'registered' } & Registered)
  /** The instance may no longer be in the registry. `attempt` counts failures in a row from 1; the next attempt starts at `retryAt` (epoch ms). */
  | { readonly status: 'lost'; readonly cause: Error; readonly attempt: number; readonly retryAt: number }
  /**
   * Something else wrote the key, which is left alone until it is deleted. `by` is its lease: `'0'` if it has none, the registration's own if the value
   * was overwritten and the lease kept.
   */
  | { readonly status: 'taken'; readonly key: string; readonly by: string }
  | ({ readonly status: 'withdrawn' } & StatusReasons)
  /** `cause`: why the registry refused to let it drain, or did not confirm the end. The key may be there as it was `published` last; `revoked` follows. */
  | ({ readonly status: 'draining'; readonly cause?: Error } & Registered)
  | { readonly status: 'revoked'; readonly confirmed: true }
  /** The registry refused the revoke, or did not answer in time (`cause`): the lease, and the key if it is there, expires by `expiresAt` (epoch ms). */
  | { readonly status: 'revoked'; readonly confirmed: false; readonly cause: Error; readonly expiresAt: number }

/** The events that change the state of a registration. */
export type RegistrationEvent =
  /** The lease was granted or renewed. */
  | { readonly type: 'leased'; readonly lease: Lease }
  /** The lease was not renewed within its TTL: it must be presumed lost as of `at` (epoch ms). */
  | { readonly type: 'overdue'; readonly at: number }
  /** The keys are as desired under the current lease. */
  | ({ readonly type: 'present'; readonly as: 'registered' | 'draining'; readonly key: string; readonly revision: Revision; readonly published: Status } & StatusReasons)
  /** The lease is there, the keys are not: they are taken, withdrawn, or lost. */
  | { readonly type: 'absent'; readonly registration: Registration }
  /** The lease is there, and the keys may be: they can be neither read nor written. */
  | { readonly type: 'unseen'; readonly registration: Extract<Registration, { readonly status: 'lost' }> }
  /** The lease is gone, or could not be granted. */
  | { readonly type: 'leaseless'; readonly registration: Registration }
  /** The end begins: `until` has emitted. */
  | { readonly type: 'ending' }
  /** The lease is renewed no more, and its revoke was refused or not answered, as of `at` (epoch ms). */
  | { readonly type: 'unconfirmed'; readonly cause: Error; readonly at: number }
  /** The end. */
  | { readonly type: 'revoked' }

/** The state of a registration, with what its next state depends on. */
export interface RegistrationState {
  readonly registration: Registration
  readonly lease: Lease | undefined
  /** Whether the TTL of the lease has passed without a renewal. */
  readonly overdue: boolean
  /** The keys, if they are as desired, or were when they were last seen. */
  readonly present: Extract<RegistrationEvent, { readonly type: 'present' }> | undefined
  /** Whether it is unknown if the keys are still so. */
  readonly unseen: boolean
  /** Whether the end has begun. */
  readonly ending: boolean
  /** The end of a lease that the registry did not confirm. */
  readonly unconfirmed: Extract<Registration, { readonly status: 'revoked'; readonly confirmed: false }> | undefined
}

/** The state before the first event. */
export const registering: RegistrationState = {
  registration: { status: 'registering' },
  lease: undefined,
  overdue: false,
  present: undefined,
  unseen: false,
  ending: false,
  unconfirmed: undefined,
}

/** Only the reasons that there are, since an absent field and one that is `undefined` print differently. */
export const reasonsOf = ({ healthError, override }: { readonly [K in keyof StatusReasons]: StatusReasons[K] | undefined }): StatusReasons => ({
  ...(healthError && { healthError }),
  ...(override && { override }),
})

/** The lease and the keys together. */
const facts = ({ lease, present }: RegistrationState): Registered | undefined => {
  if (lease === undefined || present === undefined) return undefined
  const { id: leaseId, ttl, expiresAt, renewals } = lease
  const { key, revision, published } = present
  return { leaseId, key, revision, ttl, expiresAt, renewals, published, ...reasonsOf(present) }
}

/** If the lease lives and the keys are present, both together are the registration. If the keys are unseen and it ends, it is draining: nothing comes back. */
const combined = (state: RegistrationState): RegistrationState => {
  const { ending, overdue, present, registration, unseen } = state
  const registered = overdue ? undefined : facts(state)
  if (registered === undefined || present === undefined) return state
  if (!unseen) return { ...state, registration: { status: present.as, ...registered } }
  return ending && 'cause' in registration ? { ...state, registration: { status: 'draining', ...registered, cause: registration.cause } } : state
}

const sameReasons = (a: StatusReasons, b: StatusReasons): boolean =>
  a.healthError === b.healthError && a.override?.status === b.override?.status && a.override?.key === b.override?.key

const sameAbsence = (a: Registration, b: Registration): boolean =>
  (a.status === 'withdrawn' && b.status === 'withdrawn' && sameReasons(a, b)) || (a.status === 'taken' && b.status === 'taken' && a.key === b.key && a.by === b.by)

/** Folds the events of a registration: the only place where its state changes. An event that changes nothing keeps the `registration` object. */
export const progress = (state: RegistrationState, event: RegistrationEvent): RegistrationState => {
  switch (event.type) {
    case 'leased':
      return event.lease.id === state.lease?.id ? combined({ ...state, lease: event.lease, overdue: false }) : { ...registering, ending: state.ending, lease: event.lease }
    case 'present': {
      const { present, unseen } = state
      const same = !unseen && present?.as === event.as && present.key === event.key && present.revision === event.revision && present.published === event.published
      return same && sameReasons(present, event) && state.registration.status === event.as ? state : combined({ ...state, present: event, unseen: false })
    }
    case 'overdue': {
      const cause = new LeaseLost(state.lease?.id ?? '0', 'no renewal was acknowledged within its TTL')
      const lost: Registration = { status: 'lost', cause, attempt: 1, retryAt: event.at }
      return { ...state, overdue: true, registration: state.present === undefined || state.unseen ? state.registration : lost }
    }
    case 'absent': {
      const { registration } = event
      // If a key disappears while its lease is overdue, report one lost lease, not two problems.
      const reported = state.overdue && registration.status === 'lost' && state.registration.status === 'lost'
      return { ...state, registration: reported || sameAbsence(state.registration, registration) ? state.registration : registration, present: undefined, unseen: false }
    }
    case 'unseen': {
      const { status } = state.registration
      if (state.unseen && status === 'draining') return state
      return combined({ ...state, unseen: true, registration: state.overdue && status === 'lost' ? state.registration : event.registration })
    }
    case 'ending': {
      const ending = { ...state, ending: true }
      return state.unseen ? combined(ending) : ending
    }
    case 'leaseless':
      return { ...registering, ending: state.ending, registration: event.registration }
    case 'unconfirmed': {
      // Without a lease, nothing of this registration is in the registry.
      if (state.lease === undefined) return state
      const { cause, at } = event
      const there = facts(state)
      const unconfirmed = { status: 'revoked', confirmed: false, cause, expiresAt: at + state.lease.ttl * 1000 } as const
      return { ...state, unconfirmed, registration: there === undefined ? state.registration : { status: 'draining', ...there, cause } }
    }
    case 'revoked':
      return { ...state, registration: state.unconfirmed ?? { status: 'revoked', confirmed: true } }
  }
}
