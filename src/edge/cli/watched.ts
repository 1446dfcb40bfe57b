import { diff } from '../../core/sets/diff.js'
import { pendingSet, type ServiceSet } from '../../core/sets/service-set.js'
import type { FollowedServices } from './follow-services.js'
import type { KnownOverrides } from './known-overrides.js'

/** Since when an instance has been there, epoch ms. etcd keeps no times, so this is known only of those that joined while the table was shown. */
export interface Since {
  readonly at: number
  /** Whether it was there already. */
  readonly orLonger: boolean
}

/** What the table shows: the services, and the instances' ages, by service and id. */
export interface Watched {
  readonly fleet: FollowedServices
  readonly since: ReadonlyMap<string, ReadonlyMap<string, Since>>
  readonly overrides: KnownOverrides
}

/** Before anything is known. */
export const unwatched: Watched = { fleet: { sets: new Map(), state: { status: 'pending', revision: 0, asOf: 0 } }, since: new Map(), overrides: new Map() }

const sinceOf = (known: ReadonlyMap<string, Since> | undefined, before: ServiceSet, after: ServiceSet, orLonger: boolean, at: number): ReadonlyMap<string, Since> => {
  const next = new Map(known)
  for (const { type, instance, previous } of diff(before, after)) {
    if (type === 'left') next.delete(instance.id)
    else if (previous === undefined) next.set(instance.id, { at, orLonger })
    else if (previous.incarnation !== instance.incarnation) next.set(instance.id, { at, orLonger: false })
  }
  return next
}

/** What is known after the services have changed; `at`: now, epoch ms. */
export const nextWatched = ({ fleet: before, since: known, overrides }: Watched, fleet: FollowedServices, at: number): Watched => {
  const since = new Map<string, ReadonlyMap<string, Since>>()
  for (const [service, set] of fleet.sets) {
    const last = before.sets.get(service)
    const wasRead = before.state === undefined ? last !== undefined && last.status !== 'pending' : before.state.status !== 'pending'
    since.set(service, set === last ? (known.get(service) ?? new Map<string, Since>()) : sinceOf(known.get(service), last ?? pendingSet(service), set, !wasRead, at))
  }
  return { fleet, since, overrides }
}
