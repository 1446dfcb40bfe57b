/* eslint-disable rxjs-x/no-ignored-default-value -- a source that ends without the expected value must reject */
import { defer, filter, firstValueFrom, lastValueFrom, map, materialize, ReplaySubject, retry, scan } from 'rxjs'
import { startWith, Subscription, timeout, timer, toArray, type Observable } from 'rxjs'
import type { Change, Lease, Listing, Range, Revision } from '../../core/store.js'
import type { ClosableRegistry, ListOptions, ReadableRegistry, Registry } from '../../flow/registry.js'
import { gatherListing } from '../../flow/gather-listing.js'
import type { Levers } from './levers.js'

/** As much of an `expect` as a contract needs; those of vitest and jest fit. */
export type Expect = (actual: unknown) => { readonly toEqual: (expected: unknown) => unknown }

/** A subscription that keeps its values; a case can wait for them, for 10 s at most. */
export interface Seen<T> {
  /** The values so far, once `done` accepts them; rejects if the source ends before. */
  readonly until: (done: (values: readonly T[]) => boolean) => Promise<readonly T[]>
  /** The error that ended the source; `undefined` if it completed. */
  readonly end: () => Promise<unknown>
  readonly stop: () => void
}

/** An entry to put: key (under the scene's prefix), value, and the expected revision. @default 0 */
export type Row = readonly [key: string, value: string | null, expect?: Revision]

/** What a contract tests, with whatever it has. */
export interface Subject {
  readonly registry: ReadableRegistry
  readonly writer: Registry
  readonly levers: Levers
  readonly expect: Expect
}

/** What one case works with. Its keys have a prefix of their own, and the contract closes what the case opens. */
export interface Scene {
  /** The registry under test. It has the verbs that the case names in its `needs`, and those that read. */
  readonly registry: ClosableRegistry
  /** Writes what `registry` reads; `registry` itself if it can write. */
  readonly writer: Registry
  /** The levers; the case may use those that it names in its `needs`. */
  readonly levers: Required<Levers>
  readonly expect: Expect
  readonly prefix: string
  readonly observe: <T>(source: Observable<T>) => Seen<T>
  /** All values of a source that completes. */
  readonly all: <T>(source: Observable<T>) => Promise<readonly T[]>
  /** The error that ends a source, whatever it emits before; `undefined` if it completes. */
  readonly failure: (source: Observable<unknown>) => Promise<unknown>
  /** A lease of the writer, granted for `ttl` seconds, and its session, which ends with the case. @default 30 */
  readonly lease: (ttl?: number) => Promise<{ readonly lease: Lease; readonly session: Seen<Lease> }>
  /** Puts rows through the writer. */
  readonly put: (lease: Lease, ...rows: readonly Row[]) => Observable<Revision>
  /** All parts of one listing, joined. */
  readonly list: (range: Range, options?: ListOptions) => Promise<Listing>
  /** The content of the prefix, as soon as `done` accepts it; a listing that errors is tried again. */
  readonly listed: (done?: (changes: readonly Change[]) => boolean) => Promise<Listing>
  /** Asks until `done` accepts the answer, for 10 s at most. */
  readonly eventually: <T>(ask: () => Promise<T>, done: (answer: T) => boolean) => Promise<T>
  /** Takes over the release of a lever: it is called when the case calls it, or at the end of the case. */
  readonly release: (lever: (() => unknown) | undefined) => () => Promise<void>
}

/** How long a case waits for a value, and how long between two questions, ms. */
const longestWait = 10_000
const between = 50

/** Observes `source` until `bag` is unsubscribed. */
const observe = (bag: Subscription) => <T>(source: Observable<T>): Seen<T> => {
  const seen = new ReplaySubject<T>(Infinity)
  const subscription = source.subscribe(seen)
  bag.add(subscription)
  return {
    until: done => {
      const soFar = seen.pipe(scan((values: readonly T[], value) => [...values, value], []), startWith([]))
      return firstValueFrom(soFar.pipe(filter(done), timeout({ first: longestWait })))
    },
    end: () => {
      const last = seen.pipe(materialize(), filter(({ kind }) => kind !== 'N'))
      return firstValueFrom(last.pipe(map(end => (end.kind === 'E' ? (end.error as unknown) : undefined)), timeout({ first: longestWait })))
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

/** Makes the scene of one case. */
export const sceneOf = ({ registry: reading, writer, levers, expect }: Subject): Stage => {
  // the contract skips a case that needs more than there is
  const registry = reading as ClosableRegistry
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
        retry({ delay: () => timer(between), count: longestWait / between }),
      ),
    )
  const list = (range: Range, options?: ListOptions): Promise<Listing> =>
    lastValueFrom((options === undefined ? registry.list(range) : registry.list(range, options)).pipe(gatherListing(), timeout(longestWait)))
  const scene: Scene = {
    registry,
    writer,
    levers: levers as Required<Levers>,
    expect,
    prefix,
    eventually,
    observe: observed,
    all: source => lastValueFrom(source.pipe(toArray(), timeout(longestWait))),
    failure: source => observed(source).end(),
    lease: async (ttl = 30) => {
      const session = observed(writer.lease(ttl))
      const [lease] = await session.until(leases => leases.length > 0)
      if (!lease) throw new Error('no lease')
      return { lease, session }
    },
    put: (lease, ...rows) => {
      const entries = rows.map(([key, value, expected = 0]) => ({ key: prefix + key, value, expect: expected }))
      return writer.put(entries, lease)
    },
    list,
    listed: (done = () => true) => eventually(() => list(prefix), ({ changes }) => done(changes)),
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
      if ('close' in reading) await registry.close()
    },
  }
}
