import { randomBytes } from 'node:crypto'
import { catchError, concat, concatMap, defer, EMPTY, filter, from, ignoreElements, map, mergeMap, of, retry, Subject, switchMap, take, takeLast, tap, throwError, toArray, type Observable } from 'rxjs'
import { Disconnected, toError } from '../../../core/errors.js'
import type { Format } from '../../../core/formats/format.js'
import { leased } from '../../../core/instance/leased.js'
import { overridePrefix } from '../../../core/register/desired.js'
import type { Lease } from '../../../core/store.js'
import { projection, type Scope, type Snapshot } from '../../../core/view/projection.js'
import { now, timeout, timer } from '../../../flow/clock.js'
import { listing } from '../../../flow/discovery/listing.js'
import type { Registry } from '../../../flow/registry.js'
import { errorText } from '../failure.js'

/** What may be done under a prefix. */
export type Deed = 'list' | 'watch' | 'grant a lease' | 'write' | 'delete' | 'revoke' | 'read overrides'

/** A lease of keys under a prefix. */
export interface FoundLease {
  readonly key: string
  /** The granted TTL, s. */
  readonly ttl: number
}

/** What was found out about one prefix. */
export interface PrefixReport {
  readonly prefix: string
  /** What was tried, and why it failed if it did. */
  readonly tried: readonly { readonly deed: Deed; readonly problem?: string }[]
  /** How long a write took, ms. */
  readonly write?: number | undefined
  /** `undefined`: the prefix could not be read. */
  readonly content?: {
    readonly instances: number
    /** The keys of instances without a lease. */
    readonly unleased: readonly string[]
    readonly rejected: readonly { readonly key: string; readonly reason: string }[]
    readonly leases: readonly FoundLease[]
    /** How many leases were not asked for, because there are very many. */
    readonly unasked: number
  }
}

/** The TTL of the lease of the probing key, s; how long each try may take, ms; how many leases are asked for, and how many at once. */
const [probeTtl, patience, mostLeases, atOnce] = [5, 8_000, 500, 8]

/** The pause (ms) before an endpoint is asked after one that is away. */
const retryAfter = 100

type Tried = PrefixReport['tried'][number]

const patient = <A>(work: Observable<A>): Observable<A> =>
  work.pipe(timeout({ first: patience, with: () => throwError(() => new Error(`etcd has not answered within ${patience / 1_000} s`)) }))

const tried = (deed: Deed, work: Observable<unknown>): Observable<Tried> =>
  concat(patient(work).pipe(ignoreElements()), of({ deed })).pipe(catchError((error: unknown) => of({ deed, problem: errorText(toError(error)) })))

/**
 * Writes and deletes a key of its own, under a short lease that is revoked. No format reads the key: a service has no segment `.`.
 */
const probing = (registry: Registry, prefix: string, wrote: (ms: number) => void): Observable<Tried> => {
  const key = `${prefix}./doctor-${randomBytes(6).toString('hex')}`
  const end = new Subject<void>()
  let stage: Deed = 'grant a lease'
  const done: Deed[] = []
  const under = (lease: Lease): Observable<unknown> => {
    done.push('grant a lease')
    stage = 'write'
    const began = now()
    return registry.put([{ key, value: 'rx-discovery doctor', expect: 0 }], lease).pipe(
      takeLast(1),
      switchMap(revision => {
        wrote(now() - began)
        done.push('write')
        stage = 'delete'
        return registry.put([{ key, value: null, expect: revision }], lease)
      }),
      tap({
        complete: () => {
          done.push('delete')
          stage = 'revoke'
          end.next()
        },
      }),
    )
  }
  return patient(registry.lease(probeTtl, end)).pipe(
    // Those after the first one are renewals.
    concatMap((lease, index) => (index === 0 ? under(lease) : EMPTY)),
    ignoreElements(),
    catchError((error: unknown) => of(errorText(toError(error)))),
    toArray(),
    mergeMap(([problem]) => [...done.map(deed => ({ deed })), problem === undefined ? { deed: stage } : { deed: stage, problem }]),
  )
}

/** The leases of the instances, each with one of its keys. */
const leasesOf = ({ entries }: Snapshot<unknown>): ReadonlyMap<string, string> => {
  const leases = new Map<string, string>()
  for (const { key, lease, instance } of entries.toArray()) if (instance !== undefined && lease !== '0' && !leases.has(lease)) leases.set(lease, key)
  return leases
}

const contentOf = (registry: Registry, snapshot: Snapshot<unknown>): Observable<NonNullable<PrefixReport['content']>> => {
  const leases = [...leasesOf(snapshot)]
  const entries = snapshot.entries.toArray()
  return from(leases.slice(0, mostLeases)).pipe(
    mergeMap(([id, key]) => registry.remaining(id).pipe(map(({ granted }) => ({ key, ttl: granted }))), atOnce),
    // One that has just expired.
    filter(({ ttl }) => ttl > 0),
    toArray(),
    map(found => ({
      instances: entries.filter(({ instance }) => instance !== undefined).length,
      unleased: entries.flatMap(({ key, instance }) => (instance !== undefined && !leased(instance) ? [key] : [])),
      rejected: entries.flatMap(({ rejection }) => rejection ?? []),
      leases: found,
      unasked: Math.max(0, leases.length - mostLeases),
    })),
  )
}

/** Tries what registrations and consumers do under a prefix, and reads what is there. It leaves nothing behind. Never errors. */
export const examinePrefix = (registry: Registry, format: Format, prefix: string, scope: Scope): Observable<PrefixReport> =>
  defer(() => {
    let snapshot: Snapshot<unknown> | undefined
    let write: number | undefined
    const list = listing(registry, prefix, projection(format, scope)).pipe(tap(found => (snapshot = found)))
    const watch = defer(() => registry.watch(prefix, snapshot?.revision ?? 1).pipe(take(1)))
    // If endpoints are away, the registry first finds one that answers: they are reported on their own.
    const found = registry.check({ key: prefix }, 1).pipe(retry({ delay: (thrown: unknown) => (thrown instanceof Disconnected ? timer(retryAfter) : throwError(() => toError(thrown))) }))
    return concat(
      patient(found).pipe(ignoreElements(), catchError(() => EMPTY)),
      tried('list', list),
      defer(() => (snapshot === undefined ? EMPTY : tried('watch', watch))),
      probing(registry, prefix, ms => (write = ms)),
      tried('read overrides', registry.list(overridePrefix)),
    ).pipe(
      toArray(),
      switchMap(all => (snapshot === undefined ? of(undefined) : contentOf(registry, snapshot).pipe(catchError(() => of(undefined)))).pipe(map(content => ({ prefix, tried: all, write, ...(content && { content }) })))),
    )
  })
