import { defer, filter, finalize, map, NEVER, Observable, share, Subject, Subscription, switchMap, take, tap, throwError } from 'rxjs'
import { flag, functionOf, invalidOptions, numberFrom, record, type Checks } from '../../core/arguments.js'
import { exponential } from '../../core/backoff.js'
import { Disconnected, InvalidArgument, Lagging, Rewound, toError } from '../../core/errors.js'
import { covers, type Batch, type Change, type Check, type Listing, type Range, type Revision } from '../../core/store.js'
import { either, flaw, invalid, throwIfInvalid } from '../../core/validation.js'
import { errorOfTrouble, wireIdText, type WireChange, type WireId } from '../../core/wire/wire-event.js'
import { background, now, timer } from '../../flow/clock.js'
import type { ListOptions, ReadableRegistry } from '../../flow/registry.js'
import { withSignals } from '../../flow/registry-signals.js'
import { wait } from '../../flow/wait.js'
import { Busy, eventsOf, type Bridged, type Received } from './events-of.js'
import { sharedByTabs } from './shared-by-tabs.js'

/** Options of {@link sseRegistry}. */
export interface SseRegistryOptions {
  /** The request headers, or a function that returns them for each request, such as one with a fresh token. @default {} */
  readonly headers?: HeadersInit | (() => HeadersInit | Promise<HeadersInit>)
  /** Makes the requests, such as one that adds `credentials`. @default fetch */
  readonly fetch?: typeof globalThis.fetch
  /** The longest event, bytes. A longer one is an outage. @default 4194304 */
  readonly maxBytes?: number
  /**
   * Whether the tabs of a browser that use the same URL share one stream. They need the same permissions. It has no effect where there is no `BroadcastChannel` and
   * no `navigator.locks`. @default false
   */
  readonly share?: boolean
}

const checks: Checks<SseRegistryOptions> = {
  headers: either(record, functionOf('an object of strings, or a function that returns one')),
  fetch: functionOf('a function like fetch'),
  maxBytes: numberFrom(1, Infinity),
  share: flag,
}

/** One subscriber of the stream. */
interface Follower {
  readonly range: Range
  /** How far it has come. */
  last: Revision
  /** Whether the stream that is open includes its range. */
  opened: boolean
  /** Whether it has got a batch. */
  reached: boolean
  readonly next: (batch: Batch) => void
  readonly error: (error: Error) => void
}

/** After an outage behind the bridge, how long the stream stays without subscribers, ms: they come back when it reports the end of the outage. */
const linger = 2_000

const urlOf = (url: string | URL): URL => {
  const base = (globalThis as { readonly location?: { readonly href: string } }).location?.href
  try {
    return new URL(url, base)
  } catch {
    throw invalid('url', flaw('must be a URL, or in a browser the path of one', url, "such as 'https://gateway.example/discovery'"))
  }
}

/** Ranges without those that lie in another one. */
const distinct = (ranges: readonly Range[]): readonly Range[] => {
  const prefixes = [...new Set(ranges.filter(range => typeof range === 'string'))].sort()
  const outer = prefixes.filter(prefix => !prefixes.some(other => other !== prefix && prefix.startsWith(other)))
  const keys = [...new Set(ranges.flatMap(range => (typeof range === 'string' ? [] : [range.key])))].sort()
  return [...outer, ...keys.filter(key => !outer.some(prefix => key.startsWith(prefix))).map(key => ({ key }))]
}

const requestOf = (url: URL, ranges: readonly Range[], answer: Readonly<Record<string, string>> = {}): URL => {
  const asked = new URL(url)
  for (const [name, value] of Object.entries(answer)) asked.searchParams.append(name, value)
  for (const range of ranges)
    if (typeof range === 'string') asked.searchParams.append('prefix', range)
    else asked.searchParams.append('key', range.key)
  return asked
}

/** The registry of one tab. */
const ownRegistry = (bridged: Bridged): ReadableRegistry => {
  const { url } = bridged
  const backoff = exponential()
  const returned = new Subject<void>()
  const followers = new Set<Follower>()
  /** The values that are known, for changes that come without one. */
  const values = new Map<string, string>()

  /* When to ask */

  let failures = 0
  let notBefore = -Infinity
  /** While the registry behind the bridge does not answer. */
  let trouble: Error | undefined
  const over = new Subject<void>()
  let waiting = 0
  const answered = (): void => {
    if (failures === 0) return
    failures = 0
    returned.next()
  }
  const failed = (error: Error): void => {
    failures += 1
    notBefore = now() + (error instanceof Busy ? error.retryAfter : backoff.delay(failures)())
  }
  /** Emits when a request makes sense: all that wait are then one request. */
  const ready: Observable<unknown> = defer(() => (trouble === undefined ? wait(notBefore - now()) : untilOver.pipe(switchMap(() => ready))))
  /** The stream, which reports the end of the trouble, stays open while someone waits for it. */
  const untilOver = defer(() => {
    waiting += 1
    return over.pipe(
      take(1),
      finalize(() => {
        waiting -= 1
        closeIfUnused(linger)
      }),
    )
  })
  const events = (ranges: readonly Range[], answer?: Readonly<Record<string, string>>, id?: WireId): Observable<Received> =>
    eventsOf({ ...bridged, url: requestOf(url, distinct(ranges), answer) }, id && wireIdText(id)).pipe(tap({ next: answered, error: (thrown: unknown) => failed(toError(thrown)) }))

  /* Answers */

  const refused = (received: Received): Received => {
    if (received.event.type === 'trouble') throw errorOfTrouble(received.event, url.host)
    return received
  }
  const incomplete = (): Observable<never> => throwError(() => new Disconnected(`${url.host} ended before its answer was complete`, { host: url.host }))
  /** The parts of an answer, up to the last. */
  const whole = (source: Observable<Received>, isLast: (received: Received) => boolean): Observable<Received> =>
    new Observable<Received>(subscriber =>
      source.subscribe({
        next: received => {
          subscriber.next(received)
          if (isLast(received)) subscriber.complete()
        },
        error: (thrown: unknown) => subscriber.error(thrown),
        complete: () => subscriber.add(incomplete().subscribe(subscriber)),
      }),
    ).pipe(map(refused))
  const changesIn = (range: Range, changes: readonly WireChange[]): readonly Change[] =>
    changes.flatMap(({ key, value, revision, lease }) => (typeof value === 'string' && covers(range, key) ? { key, value, revision, lease } : []))
  const partsOf = (range: Range, source: Observable<Received>): Observable<Listing> =>
    source.pipe(
      map(({ event, id }) => (event.type === 'listing' ? { cluster: event.cluster, revision: event.revision, changes: changesIn(range, event.changes), last: id !== undefined } : undefined)),
      filter(part => part !== undefined && (part.last || part.changes.length > 0)),
      map(part => ({ cluster: part?.cluster ?? '', revision: part?.revision ?? 0, changes: part?.changes ?? [] })),
    )
  const listing = (ranges: readonly Range[], answer: Readonly<Record<string, string>>): Observable<Received> => whole(events(ranges, answer), ({ id }) => id !== undefined)

  let listedAt: WireId | undefined
  let joint: { readonly ranges: Range[]; readonly parts: Observable<Received> } | undefined
  const beginJoint = () => {
    const ranges: Range[] = []
    const parts = timer(0).pipe(
      switchMap(() => ready),
      take(1),
      switchMap(() => {
        if (joint?.ranges === ranges) joint = undefined
        return listing(ranges, { list: '' })
      }),
      tap(({ event, id }) => {
        listedAt = id ?? listedAt
        if (event.type !== 'listing') return
        // What the stream follows is known as of where the stream is.
        const followed = [...followers].filter(({ opened }) => opened)
        for (const { key, value } of event.changes) if (typeof value === 'string' && !followed.some(each => covers(each.range, key))) values.set(key, value)
      }),
      finalize(() => {
        if (joint?.ranges === ranges) joint = undefined
      }),
      share(),
    )
    return { ranges, parts }
  }
  const list = (range: Range, { at }: ListOptions = {}): Observable<Listing> =>
    defer(() => {
      if (at === undefined) {
        joint ??= beginJoint()
        joint.ranges.push(range)
        return partsOf(range, joint.parts)
      }
      if (!(Number.isSafeInteger(at) && at > 0))
        return throwError(() => new InvalidArgument('at', `must be a revision, a whole number of 1 or more, got ${String(at)} (take it from a listing, a batch or a set)`))
      return ready.pipe(take(1), switchMap(() => partsOf(range, listing([range], { at: String(at) }))))
    })
  const check = (range: Range, since: Revision): Observable<Check> =>
    ready.pipe(
      take(1),
      switchMap(() => whole(events([range], { check: String(since) }), ({ event }) => event.type === 'check')),
      map(({ event }) => {
        const found = event.type === 'check' ? event.check : { revision: 0, count: 0, changed: [] }
        if (found.revision < since) throw new Rewound(`the registry behind ${url.host} is at revision ${found.revision}, before ${since}`)
        return found
      }),
    )

  /* The stream */

  let stream = Subscription.EMPTY
  let opening = Subscription.EMPTY
  let closing = Subscription.EMPTY
  /** How far the stream has come. */
  let position: WireId | undefined
  let cluster = ''
  let rows: readonly WireChange[] = []

  const close = (): void => {
    stream.unsubscribe()
    opening.unsubscribe()
    closing.unsubscribe()
    trouble = undefined
    rows = []
    over.next()
  }
  const closeIfUnused = (after: number): void => {
    const unused = (): boolean => followers.size === 0 && waiting === 0
    closing.unsubscribe()
    if (!unused()) return
    if (after === 0) close()
    else closing = timer(after, background).subscribe(() => (unused() ? close() : undefined))
  }
  const failAll = (error: Error): void => {
    for (const follower of [...followers]) if (follower.opened) follower.error(error)
  }
  /** A change with its value; `undefined` if the value is one of before, and unknown. */
  const completed = ({ key, value, revision, lease }: WireChange): Change | undefined => {
    const known = value === undefined ? values.get(key) : value
    return known === undefined ? undefined : { key, value: known, revision, lease }
  }
  const give = (follower: Follower, changes: readonly (Change | undefined)[], revision: Revision, progress: boolean): void => {
    const own = changes.filter(change => change !== undefined)
    if (own.length < changes.length) {
      follower.error(new Lagging(`${url.host} sent a change without its value`, { host: url.host }))
      return
    }
    follower.last = Math.max(follower.last, revision)
    if (own.length === 0 && follower.reached && !progress) return
    follower.reached = true
    follower.next({ cluster, revision: follower.last, changes: own })
  }
  const apply = (id: WireId, progress: boolean): void => {
    const changed = rows.map(row => ({ row, change: completed(row) }))
    rows = []
    for (const { row: { key, value } } of changed)
      if (value === null) values.delete(key)
      else if (value !== undefined) values.set(key, value)
    position = id
    for (const follower of [...followers]) {
      if (!follower.opened || !followers.has(follower)) continue
      const own = changed.filter(({ row }) => row.revision > follower.last && covers(follower.range, row.key))
      give(follower, own.map(({ change }) => change), id.revision, progress)
    }
  }
  const receive = ({ event, id }: Received): void => {
    switch (event.type) {
      case 'trouble': {
        const error = errorOfTrouble(event, url.host)
        // The listing that follows is of no use here: each subscriber lists by itself, and all of them at once.
        if (event.error === 'Compacted' || event.error === 'Rewound') replaced(error)
        else {
          trouble = error
          rows = []
          failAll(error)
        }
        return
      }
      case 'listing':
        replaced(new Rewound(`${url.host} sent a new listing`))
        return
      case 'batch':
        cluster = event.cluster
        rows = [...rows, ...event.changes]
    }
    if (id === undefined) return
    if (trouble !== undefined) {
      trouble = undefined
      over.next()
      returned.next()
    }
    apply(id, event.type === 'progress')
  }
  const end = (error: Error): void => {
    close()
    failAll(error)
  }
  const replaced = (error: Error): void => {
    position = undefined
    listedAt = undefined
    end(error)
  }
  const startId = (): WireId => {
    const least = Math.min(...[...followers].map(({ last }) => last))
    const known = [position, listedAt].find(id => id?.revision === least)
    if (known !== undefined) return known
    return !stream.closed && position !== undefined && position.revision < least ? position : { revision: least, digest: undefined }
  }
  const open = (): void => {
    const id = startId()
    for (const follower of followers) {
      follower.opened = true
      follower.reached = false
    }
    stream.unsubscribe()
    rows = []
    stream = events([...followers].map(({ range }) => range), undefined, id).subscribe({
      next: receive,
      error: (thrown: unknown) => end(toError(thrown)),
      complete: () => {
        const error = new Disconnected(`${url.host} ended the stream`, { host: url.host })
        failed(error)
        end(error)
      },
    })
  }
  const left = (range: Range): void => {
    for (const key of values.keys()) if (covers(range, key) && ![...followers].some(other => covers(other.range, key))) values.delete(key)
    closeIfUnused(trouble === undefined ? 0 : linger)
  }
  const watch = (range: Range, from: Revision): Observable<Batch> =>
    new Observable(subscriber => {
      const follower: Follower = {
        range,
        last: from,
        opened: false,
        reached: false,
        next: batch => subscriber.next(batch),
        error: error => {
          followers.delete(follower)
          subscriber.error(error)
        },
      }
      followers.add(follower)
      opening.unsubscribe()
      // One stream for all that subscribe now.
      opening = timer(0).pipe(switchMap(() => ready), take(1)).subscribe(open)
      return () => {
        followers.delete(follower)
        left(range)
      }
    })

  return withSignals({ list, watch, check }, { closed: NEVER, returned })
}

/**
 * A registry that reads what `sseHandler` of `rx-discovery/sse` serves, in browsers, workers and Node: `discover`, `catalog` and `balance` work with it. One stream serves
 * all subscribers; it is resumed where it broke off. Throws `InvalidArgument` if the URL or an option is wrong.
 *
 * @param url The URL of the handler; in a page it may be a path
 * @example discover(sseRegistry('/discovery'), 'web')
 */
export const sseRegistry = (url: string | URL, options?: SseRegistryOptions): ReadableRegistry => {
  const at = urlOf(url)
  throwIfInvalid(invalidOptions<SseRegistryOptions>('sseRegistry', options, checks))
  const { headers = {}, fetch = (input: RequestInfo | URL, init?: RequestInit) => globalThis.fetch(input, init), maxBytes = 4_194_304, share: shared = false } = options ?? {}
  const own = ownRegistry({ url: at, headers: typeof headers === 'function' ? headers : () => headers, fetch, maxBytes })
  return shared ? sharedByTabs(own, `rx-discovery ${at.href}`) : own
}
