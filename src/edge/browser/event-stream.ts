import { Observable, Subscription, switchMap, take } from 'rxjs'
import { Disconnected, Lagging, Rewound, toError } from '../../core/errors.js'
import { covers, type Batch, type Change, type Range, type Revision } from '../../core/store.js'
import { completedChanges } from '../../core/wire/completed-changes.js'
import { errorOfTrouble, type Received, type WireChange, type WireId } from '../../core/wire/wire-event.js'
import { background, timer } from '../../flow/clock.js'
import type { ReadableRegistry } from '../../flow/registry.js'
import type { Pacing } from './pacing.js'

/** What the stream needs of the registry around it. */
export interface EventStreamContext {
  /** The host of the bridge, for messages. */
  readonly host: string
  /** The events of a stream of some ranges, after an id. */
  readonly events: (ranges: readonly Range[], id: WireId) => Observable<Received>
  readonly pacing: Pacing
}

/** The one stream of a registry. */
export interface EventStream extends Pick<ReadableRegistry, 'watch'> {
  /** Takes the values of a listing, for changes that come without one, and the id of its last part. */
  readonly listed: (changes: readonly WireChange[], id: WireId | undefined) => void
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

/** `watch`: one stream for all ranges. It is opened again, after its last id, for another set of ranges. */
export const eventStream = ({ host, events, pacing }: EventStreamContext): EventStream => {
  const followers = new Set<Follower>()
  /** The values that are known, for changes that come without one. */
  const values = new Map<string, string>()
  let stream = Subscription.EMPTY
  let opening = Subscription.EMPTY
  let closing = Subscription.EMPTY
  /** How far the stream has come, and the last listing. */
  let position: WireId | undefined
  let listedAt: WireId | undefined
  let cluster = ''
  /** The changes of the revision under way. */
  let rows: readonly WireChange[] = []

  const close = (): void => {
    stream.unsubscribe()
    opening.unsubscribe()
    closing.unsubscribe()
    rows = []
    pacing.over()
  }
  const closeIfUnused = (after: number): void => {
    const isUnused = (): boolean => followers.size === 0 && pacing.waiting() === 0
    closing.unsubscribe()
    if (!isUnused()) return
    if (after === 0) close()
    else
      closing = timer(after, background).subscribe({
        next: () => {
          if (isUnused()) close()
        },
        error: close,
      })
  }
  const failAll = (error: Error): void => {
    for (const follower of [...followers]) if (follower.opened) follower.error(error)
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

  const give = (follower: Follower, changes: readonly (Change | undefined)[], revision: Revision, progress: boolean): void => {
    const own = changes.filter(change => change !== undefined)
    if (own.length < changes.length) {
      follower.error(new Lagging(`${host} sent a change without its value`, { host }))
      return
    }
    follower.last = Math.max(follower.last, revision)
    if (own.length === 0 && follower.reached && !progress) return
    follower.reached = true
    follower.next({ cluster, revision: follower.last, changes: own })
  }
  const apply = (id: WireId, progress: boolean): void => {
    const changes = completedChanges(rows, key => values.get(key))
    const changed = rows.map((row, index) => ({ row, change: changes[index] }))
    for (const { key, value } of rows)
      if (value === null) values.delete(key)
      else if (value !== undefined) values.set(key, value)
    rows = []
    position = id
    for (const follower of [...followers]) {
      if (!follower.opened || !followers.has(follower)) continue
      const own = changed.filter(({ row }) => row.revision > follower.last && covers(follower.range, row.key))
      give(follower, own.map(({ change }) => change), id.revision, progress)
    }
  }
  const receive = ({ event, id }: Received): void => {
    if (event.type === 'trouble') {
      const error = errorOfTrouble(event, host)
      // The listing that follows is of no use here: each subscriber lists again, and all of them at once.
      if (event.error === 'Compacted' || event.error === 'Rewound') replaced(error)
      else {
        pacing.interrupted()
        rows = []
        failAll(error)
      }
      return
    }
    if (event.type === 'listing') {
      replaced(new Rewound(`${host} sent a new listing`))
      return
    }
    if (event.type === 'batch') {
      cluster = event.cluster
      rows = [...rows, ...event.changes]
    }
    if (id === undefined) return
    if (pacing.isInterrupted()) pacing.over()
    apply(id, event.type === 'progress')
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
    stream = events([...followers].map(({ range }) => range), id).subscribe({
      next: receive,
      error: (thrown: unknown) => end(toError(thrown)),
      complete: () => {
        const error = new Disconnected(`${host} ended the stream`, { host })
        pacing.failed(error)
        end(error)
      },
    })
  }
  const left = ({ range }: Follower): void => {
    const others = [...followers]
    for (const key of values.keys()) if (covers(range, key) && !others.some(other => covers(other.range, key))) values.delete(key)
    closeIfUnused(pacing.isInterrupted() ? linger : 0)
  }
  // The end of an interruption: the subscribers that have waited list again, and then follow again.
  pacing.whenWaited(() => closeIfUnused(linger))

  return {
    listed: (changes, id) => {
      listedAt = id ?? listedAt
      // What the stream follows is known as of where the stream is.
      const followed = [...followers].filter(({ opened }) => opened)
      for (const { key, value } of changes) if (typeof value === 'string' && !followed.some(each => covers(each.range, key))) values.set(key, value)
    },
    watch: (range, from) =>
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
        opening = timer(0).pipe(switchMap(() => pacing.ready), take(1)).subscribe({ next: open, error: (thrown: unknown) => end(toError(thrown)) })
        return () => {
          followers.delete(follower)
          left(follower)
        }
      }),
  }
}
