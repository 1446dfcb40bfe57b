import { Observable, Subscription } from 'rxjs'
import { Closed } from '../../../core/errors.js'
import type { Batch, Range, Revision } from '../../../core/store.js'
import { nothing, subscribeWithin } from '../../../flow/subscribe-within.js'
import type { Members } from '../connection/changing-members.js'
import type { Member } from '../connection/member.js'
import type { TickTimes } from './batch-per-tick.js'
import { watchStreams, type WatchStreams } from './watch-streams.js'
import { Watch } from './watch.js'

/** The watches of a registry. */
export interface Watches {
  /** See `ReadableRegistry.watch`. All watches on one member share a stream. */
  readonly watch: (range: Range, from: Revision) => Observable<Batch>
  /** Ends all watches, and those to come, with `Closed`. */
  readonly close: () => void
}

/** Follows ranges on the member in use. */
export const watches = (members: Members): Watches => {
  const streams = new Map<Member, WatchStreams>()
  const open = new Set<Watch>()
  const times: TickTimes = { doneAt: -Infinity, took: 0 }
  let closed: Closed | undefined
  const streamsOf = (member: Member): WatchStreams => {
    const known = streams.get(member)
    if (known !== undefined) return known
    for (const [other, { isIdle }] of streams) if (isIdle() && !members.all.includes(other)) streams.delete(other)
    const made = watchStreams(member)
    streams.set(member, made)
    if (closed !== undefined) made.close(closed)
    return made
  }
  const moving = subscribeWithin(new Subscription(), members.moves, {
    next: member => {
      for (const watch of [...open]) watch.move(member, streamsOf(member))
    },
    error: nothing,
    complete: nothing,
  })
  return {
    watch: (range, from) =>
      members.on(
        member =>
          new Observable(subscriber => {
            const watch = new Watch(subscriber, member, streamsOf(member), times, range, from)
            open.add(watch)
            watch.start()
            return () => {
              open.delete(watch)
              watch.unsubscribe()
            }
          }),
      ),
    close: () => {
      closed = new Closed()
      moving.unsubscribe()
      for (const stream of streams.values()) stream.close(closed)
    },
  }
}
