import { Observable, type Subscriber, type Unsubscribable } from 'rxjs'
import { Closed, Compacted, Disconnected } from '../../../core/errors.js'
import type { Batch, Change, Range, Revision } from '../../../core/store.js'
import { nothing, subscribeWithin } from '../../../flow/subscribe-within.js'
import { asError, translate } from '../connection/etcd-errors.js'
import type { Member, Members } from '../connection/member.js'
import type { WatchResponse } from '../wire/messages.js'
import { askedTwice, rangeOf } from '../range/range.js'
import { StaleToken } from '../connection/rpc.js'
import { BatchPerTick, type Turns } from './batch-per-tick.js'
import { watchStream, type Watched, type WatchStream } from './watch-stream.js'

/** A linearizable read that is refused when the member cannot know, or no longer knows, what came after `from`. */
const reading = (member: Member, range: Range, from: Revision): Observable<unknown> =>
  askedTwice(member.call((client, options) => client.kv.range({ key: rangeOf(range).key, revision: from, count_only: true }, options)))

const refusal = (host: string, { compacted, reason }: WatchResponse): Error =>
  compacted > 0
    ? new Compacted(compacted)
    : (translate(host, { code: 0, details: reason }) ?? new Disconnected(`${host} cancelled the watch: ${reason || 'it did not say why'}`, { host }))

const joined = (batches: readonly Batch[]): Batch => {
  const last = batches.at(-1)
  return last !== undefined && batches.length === 1 ? last : { cluster: last?.cluster ?? '', revision: last?.revision ?? 0, changes: batches.flatMap(({ changes }) => changes) }
}

const none: readonly never[] = []

// A class, not a chain of operators: a registration has one for each of its keys, so there may be thousands.
class Watch implements Watched, Unsubscribable {
  readonly #subscriber: Subscriber<Batch>
  readonly #member: Member
  readonly #stream: WatchStream
  readonly #range: Range
  readonly #batches: BatchPerTick<Batch>
  #last: Revision
  /** The changes of a revision that has not come whole. */
  #train: readonly Change[] = none
  /** What comes while it is asked whether this member can be followed from there. */
  #waiting: WatchResponse[] | undefined
  #cancel: () => void = nothing
  #renewed = false

  constructor(subscriber: Subscriber<Batch>, member: Member, stream: WatchStream, turns: Turns, range: Range, from: Revision) {
    this.#subscriber = subscriber
    this.#member = member
    this.#stream = stream
    this.#range = range
    this.#last = from
    this.#batches = new BatchPerTick(subscriber, joined, turns)
  }

  // From the last revision known and not the one after it: a start in the future keeps some etcds from answering any ping on the stream.
  get request() {
    return { ...rangeOf(this.#range), start_revision: Math.max(1, this.#last), progress_notify: true, fragment: true }
  }

  start(): void {
    this.#cancel = this.#stream.add(this)
  }

  unsubscribe(): void {
    this.#batches.cancel()
    this.#cancel()
  }

  heard(response: WatchResponse): void {
    if (this.#waiting !== undefined) this.#waiting.push(response)
    // What it says at the creation is how far this very member is: usually far enough, and nothing need be asked; else it may just lag behind another.
    else if (response.created && !response.canceled && response.revision < this.#last) this.#ask(response)
    else this.#take(response)
  }

  failed(error: Error): void {
    if (this.#renewed || !(error instanceof StaleToken)) {
      this.#fail(error)
      return
    }
    this.#renewed = true
    this.#batches.flush()
    this.#cancel()
    this.#cancel = nothing
    this.#train = none
    this.#waiting = undefined
    subscribeWithin(this.#subscriber, this.#stream.renewed, {
      next: nothing,
      error: (thrown: unknown) => this.#fail(asError(thrown)),
      complete: () => (this.#cancel = this.#stream.add(this)),
    })
  }

  #ask(created: WatchResponse): void {
    this.#waiting = [created]
    subscribeWithin(this.#subscriber, reading(this.#member, this.#range, this.#last), {
      next: nothing,
      error: (error: unknown) => this.#fail(error instanceof Compacted ? new Compacted(this.#last) : asError(error)),
      complete: () => {
        const waiting = this.#waiting ?? none
        this.#waiting = undefined
        for (const response of waiting) this.#take(response)
      },
    })
  }

  #take(response: WatchResponse): void {
    if (this.#subscriber.closed) return
    if (response.canceled) {
      this.#fail(refusal(this.#member.host, response))
      return
    }
    if (response.created) {
      this.#batches.next({ cluster: response.cluster, revision: this.#last, changes: none })
      return
    }
    const fresh = response.changes.filter(({ revision }) => revision > this.#last)
    const changes = this.#train.length === 0 ? fresh : [...this.#train, ...fresh]
    this.#train = response.fragment ? changes : none
    if (response.fragment) return
    // The header of events may be ahead of them; without events, and under this watch's own id, it is etcd's automatic progress.
    const revision = response.changes.length > 0 ? (changes.at(-1)?.revision ?? this.#last) : response.revision
    if (revision <= this.#last) return
    this.#last = revision
    this.#batches.next({ cluster: response.cluster, revision, changes })
  }

  #fail(error: Error): void {
    this.#batches.flush()
    this.#subscriber.error(error)
  }
}

/** The watches of a registry. */
export interface Watches {
  /** See `ReadableRegistry.watch`; all watches that are open on one member share one stream. */
  readonly watch: (range: Range, from: Revision) => Observable<Batch>
  /** Ends them, and those to come, with `Closed`. */
  readonly close: () => void
}

/** Follows prefixes on the member in use. */
export const watches = (members: Members): Watches => {
  const streams = new Map(members.all.map(member => [member, watchStream(member)] as const))
  const turns: Turns = { doneAt: -Infinity, took: 0 }
  return {
    watch: (range, from) =>
      members.on(
        member =>
          new Observable(subscriber => {
            const watch = new Watch(subscriber, member, streams.get(member) ?? watchStream(member), turns, range, from)
            watch.start()
            return watch
          }),
      ),
    close: () => {
      for (const stream of streams.values()) stream.close(new Closed())
    },
  }
}
