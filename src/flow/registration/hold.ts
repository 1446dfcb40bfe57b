import { EMPTY, of, type Observable } from 'rxjs'
import { Denied, InvalidArgument, LeaseLost, Taken } from '../../core/errors.js'
import type { Registration, RegistrationEvent } from '../../core/register/registration.js'
import type { Lease } from '../../core/store.js'
import { desired, none, type Holder } from './holder.js'
import { recover, type Interruption } from '../recover.js'
import { settled } from './reconcile.js'
import { stands } from './standing.js'

/** How many of its own former leases a registration recognises. */
const remembered = 64

const begin = (holder: Holder, lease: Lease): void => {
  holder.former = [...holder.former, lease.id].slice(-remembered)
  holder.standing = 'nowhere'
  holder.held = none
  holder.broken = false
}

const interrupted = (holder: Holder, lease: Lease, { error: cause, attempt, retryAt }: Interruption): Observable<RegistrationEvent> => {
  const { keys, standing } = holder
  holder.broken = true
  const gone = [...keys.found.values()].some(({ key, value }) => value === null && desired(holder, lease).has(key))
  // Who may not look does not know, nor can it write; any other break is over before its lease is, or the lease says so.
  const unshaken = standing === 'taken' || (standing === 'held' && !(cause instanceof Denied))
  if (unshaken && !gone) return EMPTY
  const registration: Registration = standing === 'taken' ? { status: 'registering' } : { status: 'lost', cause, attempt, retryAt }
  holder.standing = 'nowhere'
  holder.held = none
  return of(stands(registration))
}

/**
 * Keeps a registration's own keys as they are wished, under this lease. Each run writes, then watches its keys;
 * after any failure it reads them first.
 */
export const hold = (holder: Holder, lease: Lease): Observable<RegistrationEvent> => {
  begin(holder, lease)
  return settled(holder, lease).pipe(
    recover({
      backoff: holder.backoff,
      fatal: error =>
        error instanceof LeaseLost || error instanceof InvalidArgument || error instanceof Taken || (error instanceof Denied && !holder.established),
      interrupted: interruption => interrupted(holder, lease, interruption),
    }),
  )
}
