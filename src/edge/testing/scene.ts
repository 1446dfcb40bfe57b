/* eslint-disable rxjs-x/no-ignored-default-value -- what ends without the value waited for must reject */
import { defer, filter, firstValueFrom, lastValueFrom, map, materialize, ReplaySubject, retry, scan } from 'rxjs'
import { startWith, Subscription, timeout, timer, toArray, type Observable } from 'rxjs'
import type { Change, Lease, Listing, Revision } from '../../core/store.js'
import type { ClosableRegistry } from '../../flow/registry.js'
import { gatherListing } from '../../flow/gather-listing.js'
import type { Levers } from './levers.js'

/** As much of an `expect` as a contract needs; vitest's and jest's fit. */
export type Expect = (actual: unknown) => { readonly toEqual: (expected: unknown) => unknown }

/** A subscription whose values are kept and can be waited for, each wait bounded. */
export interface Observed<T> {
  /** The values so far, once `done` holds for them; rejects when the source ends before. */
  readonly until: (done: (values: readonly T[]) => boolean) => Promise<readonly T[]>
  /** The error it ended with; `undefined` when it completed. */
  readonly end: () => Promise<unknown>
  readonly stop: () => void
}

/** An entry to put: key (under the scene's prefix), value, and the revision expected (0 unless given). */
export type Row = readonly [key: string, value: string | null, expect?: Revision]

/** A registry as one case sees it, under a prefix of its own; what it opens is closed at its end. */
export interface Scene {
  readonly registry: ClosableRegistry
  readonly levers: Levers
  readonly expect: Expect
  readonly prefix: string
  readonly observe: <T>(source: Observable<T>) => Observed<T>
  /** All that a verb emits until it completes. */
  readonly all: <T>(source: Observable<T>) => Promise<readonly T[]>
  /** The error a verb ends with, whatever it emits before; `undefined` when it completes. */
  readonly failure: (source: Observable<unknown>) => Promise<unknown>
  readonly lease: (ttl?: number) => Promise<{ readonly lease: Lease; readonly held: Observed<Lease> }>
  readonly put: (lease: Lease, ...rows: readonly Row[]) => Observable<Revision>
  /** What there is, as soon as `done` holds for it; errors on the way are tried again. */
  readonly listed: (done?: (changes: readonly Change[]) => boolean) => Promise<Listing>
  /** Asks until the answer is the one hoped for. */
  readonly eventually: <T>(ask: () => Promise<T>, done: (answer: T) => boolean) => Promise<T>
  /** Pulls a lever that is released at the end of the case, if not before. */
  readonly release: (lever: (() => unknown) | undefined) => () => Promise<void>
}

const patience = 10_000
const between = 50

/** Observes `source` until the bag is emptied. */
const observe = (bag: Subscription) => <T>(source: Observable<T>): Observed<T> => {
  const seen = new ReplaySubject<T>(Infinity)
  const subscription = source.subscribe(seen)
  bag.add(subscription)
  return {
    until: done => {
      const soFar = seen.pipe(scan((values: readonly T[], value) => [...values, value], []), startWith([]))
      return firstValueFrom(soFar.pipe(filter(done), timeout({ first: patience })))
    },
    end: () => {
      const last = seen.pipe(materialize(), filter(({ kind }) => kind !== 'N'))
      return firstValueFrom(last.pipe(map(end => (end.kind === 'E' ? (end.error as unknown) : undefined)), timeout({ first: patience })))
    },
    stop: () => subscription.unsubscribe(),
  }
}

let scenes = 0

interface Stage {
  readonly scene: Scene
  /** Releases the levers, and closes what the case opened. */
  readonly leave: () => Promise<void>
}

/** Sets the scene for one case. */
export const sceneOf = (registry: ClosableRegistry, levers: Levers, expect: Expect): Stage => {
  const bag = new Subscription()
  const releases = new Set<() => Promise<void>>()
  const prefix = `/contract/${Math.random().toString(36).slice(2)}-${(scenes += 1)}/`
  const observed = observe(bag)
  const eventually = <T>(ask: () => Promise<T>, done: (answer: T) => boolean): Promise<T> =>
    firstValueFrom(
      defer(ask).pipe(
        map(answer => {
          if (done(answer)) return answer
          throw new Error(`still ${JSON.stringify(answer)}`)
        }),
        retry({ delay: () => timer(between), count: patience / between }),
      ),
    )
  const list = (): Promise<Listing> => firstValueFrom(registry.list(prefix).pipe(gatherListing(), timeout(patience)))
  const scene: Scene = {
    registry,
    levers,
    expect,
    prefix,
    eventually,
    observe: observed,
    all: source => lastValueFrom(source.pipe(toArray(), timeout(patience))),
    failure: source => observed(source).end(),
    lease: async (ttl = 30) => {
      const held = observed(registry.lease(ttl))
      const [lease] = await held.until(leases => leases.length > 0)
      if (!lease) throw new Error('no lease')
      return { lease, held }
    },
    put: (lease, ...rows) => {
      const entries = rows.map(([key, value, expected = 0]) => ({ key: prefix + key, value, expect: expected }))
      return registry.put(entries, lease)
    },
    listed: (done = () => true) => eventually(list, ({ changes }) => done(changes)),
    release: lever => {
      const once = async (): Promise<void> => {
        if (releases.delete(once)) await lever?.()
      }
      releases.add(once)
      return once
    },
  }
  return {
    scene,
    leave: async () => {
      for (const once of releases) await once()
      bag.unsubscribe()
      await registry.close()
    },
  }
}
