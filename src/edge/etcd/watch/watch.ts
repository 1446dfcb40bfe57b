import { Subscription, type Subscriber, type Unsubscribable } from 'rxjs'
import { Compacted, Disconnected, Lagging, toError } from '../../../core/errors.js'
import type { Batch, Change, Range, Revision } from '../../../core/store.js'
import { timers } from '../../../flow/clock.js'
import { nothing, subscribeWithin } from '../../../flow/subscribe-within.js'
import type { Member } from '../connection/member.js'
import { StaleToken } from '../connection/rpc.js'
import { readAt } from '../range/read-at.js'
import { rangeOf } from '../range/range.js'
import type { WatchResponse } from '../wire/messages.js'
import { BatchPerTick, type TickTimes } from './batch-per-tick.js'
import { cancellation } from './cancellation.js'
import type { AddedWatch, Watcher, WatchStreams } from './watch-streams.js'

const joined = (batches: readonly Batch[]): Batch => {
  const last = batches.at(-1)
  return last !== undefined && batches.length === 1
    ? last
    : { cluster: last?.cluster ?? '', revision: last?.revision ?? 0, changes: batches.flatMap(({ changes }) => changes) }
}

const none: readonly never[] = []

/**
 * etcd delivers the history of a watch in messages of at most a thousand revisions. A message of fewer events is the last one,
 * and complete up to the revision in its header (docs/etcd.md, 12.11).
 */
const historyPerMessage = 1_000
/** How long (ms) etcd may take to cancel a watch that it cannot serve: it looks at new watches ten times a second. */
const cancelWithin = 5_000

/**
 * One watch of a range on one member after the other. Errors when its stream breaks.
 * A class, not operators: the watch of a registration keeps 2 kB instead of 11 (D-047).
 */
export class Watch implements Watcher, Unsubscribable {
  readonly #subscriber: Subscriber<Batch>
  #member: Member
  #streams: WatchStreams
  readonly range: Range
  readonly #batches: BatchPerTick<Batch>
  #added: AddedWatch | undefined
  /** The watch on the member that this one moves to, until it is created there. */
  #arriving: { added: AddedWatch | undefined } | undefined
  /** The last revision that was delivered. */
  #last: Revision
  /** The last revision whose events were delivered; below `#last` where etcd confirmed that there are none. */
  #lastEvent: Revision
  /** The revision at subscription, until everything up to it has been delivered; then 0. */
  #target: Revision = 0
  #cluster = ''
  /** Whether a proxy created the watch. It may leave out events that this watch does not need, and answer before it has asked etcd. */
  #proxied = false
  /** The changes of a revision that has not arrived completely. */
  #fragments: readonly Change[] = none
  /** What arrives before it is clear whether this member can follow from here. */
  #unread: WatchResponse[] | undefined
  /** Finds that out. */
  #reading = Subscription.EMPTY
  /** Whether the token was renewed since the last creation. */
  #renewed = false

  constructor(subscriber: Subscriber<Batch>, member: Member, streams: WatchStreams, times: TickTimes, range: Range, from: Revision) {
    this.#subscriber = subscriber
    this.#member = member
    this.#streams = streams
    this.range = range
    this.#last = this.#lastEvent = from
    this.#batches = new BatchPerTick(subscriber, joined, times)
  }

  // From the last known revision and not the one after it: after a start in the future, some versions of etcd answer no ping on the stream.
  get request() {
    return { ...rangeOf(this.range), start_revision: Math.max(1, this.#last), progress_notify: true, fragment: true }
  }

  start(): void {
    this.#added = this.#streams.add(this)
  }

  unsubscribe(): void {
    this.#batches.cancel()
    this.#reading.unsubscribe()
    this.#added?.unsubscribe()
    this.#arriving?.added?.unsubscribe()
  }

  /** Goes on at another member: once the watch is created there, the one here ends. If it is refused there, nothing changes. */
  move(member: Member, streams: WatchStreams): void {
    this.#arriving?.added?.unsubscribe()
    this.#arriving = undefined
    if (member === this.#member) return
    const arriving: { added: AddedWatch | undefined } = { added: undefined }
    const stay = (): void => {
      if (this.#arriving === arriving) this.#arriving = undefined
      arriving.added?.unsubscribe()
    }
    let here = false
    this.#arriving = arriving
    arriving.added = streams.add({
      range: this.range,
      request: this.request,
      receive: response => {
        const arrives = !here && response.created && !response.canceled
        here ||= arrives
        if (arrives) this.#arrive(member, streams, arriving.added)
        if (here) this.receive(response)
        else stay()
      },
      fail: error => (here ? this.fail(error) : stay()),
    })
  }

  /** What was delivered on the former member stays the measure, so nothing is missing or comes twice. */
  #arrive(member: Member, streams: WatchStreams, added: AddedWatch | undefined): void {
    this.#added?.unsubscribe()
    this.#reading.unsubscribe()
    this.#member = member
    this.#streams = streams
    this.#added = added
    this.#arriving = undefined
    this.#fragments = none
    this.#unread = undefined
    this.#target = 0
  }

  receive(response: WatchResponse): void {
    if (this.#unread !== undefined) this.#unread.push(response)
    else if (response.created && !response.canceled) this.#create(response)
    else this.#take(response)
  }

  fail(error: Error): void {
    if (this.#renewed || !(error instanceof StaleToken)) {
      this.#end(error)
      return
    }
    this.#renewed = true
    this.#batches.flush()
    this.#added?.unsubscribe()
    this.#added = undefined
    this.#reading.unsubscribe()
    this.#fragments = none
    this.#unread = undefined
    this.#lastEvent = this.#last
    subscribeWithin(this.#subscriber, this.#streams.renewed, {
      next: nothing,
      error: (thrown: unknown) => this.#end(toError(thrown)),
      // It may have moved in the meantime.
      complete: () => this.#added ?? this.start(),
    })
  }

  /** The header of a creation shows how far this member is; that of a proxy shows nothing. */
  #create({ cluster, revision }: WatchResponse): void {
    this.#renewed = false
    this.#cluster = cluster
    this.#proxied = cluster === '0'
    if (!this.#proxied && revision >= this.#last) this.#catchUpTo(revision)
    else this.#readFirst()
  }

  /** Without a header, or if it is behind `#last`: the member may lag behind another one, or its history was replaced. */
  #readFirst(): void {
    this.#unread = []
    let revision = this.#last
    this.#reading = subscribeWithin(this.#subscriber, readAt(this.#member, this.range, this.#last), {
      next: ({ header }) => {
        this.#cluster = header.cluster_id
        revision = Math.max(revision, Number(header.revision))
      },
      error: (error: unknown) => (error instanceof Compacted ? this.#awaitCancellation() : this.#end(toError(error))),
      complete: () => {
        const unread = this.#unread ?? none
        this.#unread = undefined
        this.#catchUpTo(revision)
        for (const response of unread) this.#take(response)
      },
    })
  }

  /** etcd cancels a watch whose start is compacted, and names the oldest revision, which the refusal of a read does not. */
  #awaitCancellation(): void {
    const unread = this.#unread ?? none
    this.#unread = undefined
    const { host } = this.#member
    const late = new Disconnected(`${host} refused revision ${this.#last} as compacted, but cancelled no watch from it within ${cancelWithin} ms`, { host })
    this.#reading = timers.schedule(() => this.#end(late), cancelWithin)
    for (const response of unread) this.#take(response)
  }

  /** Emits progress as soon as everything up to `revision` is delivered: at once, if nothing can have happened in between. */
  #catchUpTo(revision: Revision): void {
    this.#target = revision
    if (revision > this.#last) this.#added?.catchUp(() => this.#caughtUp())
    else this.#caughtUp()
  }

  #caughtUp(): void {
    this.#last = Math.max(this.#last, this.#target)
    this.#target = 0
    this.#batches.next({ cluster: this.#cluster, revision: this.#last, changes: none })
  }

  #take(response: WatchResponse): void {
    if (this.#subscriber.closed) return
    if (response.canceled) {
      this.#end(cancellation(this.#member.host, response))
      return
    }
    const fresh = response.changes.filter(({ revision }) => revision > this.#lastEvent)
    const changes = this.#fragments.length === 0 ? fresh : [...this.#fragments, ...fresh]
    const whole = !response.fragment && this.#fragments.length === 0
    this.#fragments = response.fragment ? changes : none
    if (response.fragment) {
      // The rest is under way, so nothing else can confirm the history.
      this.#added?.stopCatchUp()
      return
    }
    const [first] = changes
    if (first !== undefined && first.revision <= this.#last) {
      this.#end(new Lagging(`${this.#member.host} delivered revision ${first.revision} after it had confirmed revision ${this.#last}`, { host: this.#member.host }))
      return
    }
    this.#lastEvent = changes.at(-1)?.revision ?? this.#lastEvent
    // The header of events may be ahead of them. Without events, and under the id of this watch, it is etcd's automatic progress.
    const delivered = response.changes.length > 0 ? this.#lastEvent : response.revision
    if (delivered > this.#last) {
      this.#last = delivered
      this.#batches.next({ cluster: response.cluster, revision: delivered, changes })
    }
    if (this.#target > 0) this.#checkTarget(whole && !this.#proxied && response.changes.length < historyPerMessage ? response.revision : delivered)
  }

  /** `upTo`: the revision up to which everything has been delivered. */
  #checkTarget(upTo: Revision): void {
    if (upTo < this.#target) {
      this.#added?.catchUp(() => this.#caughtUp())
      return
    }
    this.#added?.stopCatchUp()
    if (this.#last < this.#target) this.#caughtUp()
    else this.#target = 0
  }

  #end(error: Error): void {
    this.#batches.flush()
    this.#subscriber.error(error)
  }
}
