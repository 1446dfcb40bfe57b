import { map, switchMap, type Observable } from 'rxjs'
import { Taken } from '../../core/errors.js'
import type { Registration, RegistrationEvent } from '../../core/register/registration.js'
import type { Lease } from '../../core/store.js'
import { now } from '../clock.js'
import type { Holder } from './holder.js'
import { answered, look } from './observed.js'
import { wait } from '../wait.js'
import { keyOf, type Wish } from '../../core/register/wish.js'

/** The event of keys that are not as they should be. */
export const stands = (registration: Registration): RegistrationEvent => ({ type: 'stands', registration })

/** Takes note that nothing is left to do, and tells how that is. */
export const rested = (holder: Holder, lease: Lease, wish: Wish, wanted: ReadonlyMap<string, string>): RegistrationEvent => {
  const { draining, healthError } = wish
  const [key = keyOf(wish, lease)] = wanted.keys()
  const there = key === undefined ? undefined : holder.keys.found.get(key)
  const present = there !== undefined && there.value !== null
  holder.established ||= present
  holder.standing = present ? 'held' : 'withdrawn'
  holder.held = wanted
  answered(holder.keys, wanted)
  if (key === undefined || (!present && !draining)) return stands({ status: 'withdrawn' })
  const as = draining ? 'draining' : 'registered'
  return { type: 'settled', as, key, revision: there?.revision ?? 0, ...(healthError === undefined ? {} : { healthError }) }
}

/** The wait for who holds a key of ours to leave, where there is one; ends with the error that it has left, or has not. */
export const patience = (holder: Holder, { ttl }: Lease, event: RegistrationEvent): Observable<never> | undefined => {
  const { established, onTaken, registry } = holder
  if (established || onTaken !== 'fail' || event.type !== 'stands' || event.registration.status !== 'taken') return undefined
  const { key, by } = event.registration
  // whatever else is news in between, a holder is waited for once
  if (holder.rival?.key !== key || holder.rival.by !== by) holder.rival = { key, by, since: now() }
  return wait(holder.rival.since + ttl * 1000 - now()).pipe(
    switchMap(() => look(registry, key)),
    map(there => {
      throw there.value === null ? new Error(`${key} is free`) : new Taken([there])
    }),
  )
}
