import type { IWatchRequest } from 'etcd3'
import { catchError, EMPTY, ignoreElements, Observable, of, Subject, Subscription, throwError, type Unsubscribable } from 'rxjs'
import { quotedValue } from '../../../core/validation.js'
import { Disconnected, toError } from '../../../core/errors.js'
import { covers, type Range } from '../../../core/store.js'
import { now, timers } from '../../../flow/clock.js'
import { nothing, subscribeWithin } from '../../../flow/subscribe-within.js'
import { isOutage } from '../connection/etcd-errors.js'
import type { Member } from '../connection/member.js'
import { StaleToken } from '../connection/rpc.js'
import { anyKey } from '../range/range.js'
import { readWatch, type WatchResponse } from '../wire/messages.js'
import { inBytes } from '../wire/raw-answers.js'
import { catchUp } from './catch-up.js'
import { liveness } from './liveness.js'
import { WatchIds } from './watch-ids.js'

type CreateRequest = NonNullable<IWatchRequest['create_request']>

/** One watch on a stream. */
export interface Watcher {
  readonly range: Range
  readonly request: CreateRequest
  /** Receives the responses of this watch. If a proxy created it, the header of the creation has only zeros: the proxy may have answered by itself. */
  readonly receive: (response: WatchResponse) => void
  /** The stream broke, or etcd did not create the watch. `StaleToken`: the stream's token is too old for it; another stream may be opened after `renewed`. */
  readonly fail: (error: Error) => void
}

/** A watch that was added to a stream; unsubscribing cancels it. */
export interface AddedWatch extends Unsubscribable {
  /** Calls `caughtUp` once etcd can have no events under way from before the watch was created. To be called again after each event until then. */
  readonly catchUp: (caughtUp: () => void) => void
  readonly stopCatchUp: () => void
}

/** The watches of one member, on as few gRPC streams as possible: one, and older ones whose token etcd does not accept for new watches. */
export interface WatchStreams {
  readonly add: (watcher: Watcher) => AddedWatch
  /** Whether no stream is open. */
  readonly isIdle: () => boolean
  /** Fails all watches, and those to come, with this error. */
  readonly close: (error: Error) => void
  /** Makes a call, which renews the token. Completes; errors if the member does not answer. */
  readonly renewed: Observable<never>
}

interface WatchStream {
  readonly add: (watcher: Watcher) => AddedWatch
  readonly fail: (error: unknown) => void
}

/** How long (ms) a stream may create no watch although some are requested. */
const createWithin = 5_000

const notAdded: AddedWatch = { unsubscribe: nothing, catchUp: nothing, stopCatchUp: nothing }

/** One stream, open while it has a watch. Calls `retire` when it takes no more watches, `ended` when the last one has left. */
const watchStream = (member: Member, retire: () => void, ended: () => void): WatchStream => {
  const { host } = member
  /** By the id that we requested. */
  const watchers = new Map<string, Watcher>()
  /** Requested and not created yet, in the order of the requests. A server that uses our ids creates watches in this order. */
  const requested = new Set<string>()
  /** Those of `requested` that have not been sent. */
  const waiting = new Map<string, CreateRequest>()
  const ids = new WatchIds()
  const requests = new Subject<IWatchRequest>()
  const unsent: IWatchRequest[] = []
  let createdAt = now()
  let creating = Subscription.EMPTY

  const send = (request: IWatchRequest): void => {
    if (requests.observed) requests.next(request)
    else unsent.push(request)
  }
  const written = new Observable<IWatchRequest>(subscriber => {
    unsent.splice(0).forEach(request => subscriber.next(request))
    return requests.subscribe(subscriber)
  })
  // A refusal counts as an answer, as in `liveness`.
  const read = member.call((client, options) => client.kv.range(anyKey, options)).pipe(catchError((error: unknown) => (isOutage(error) ? EMPTY : of(undefined))))
  // A server that ignores our ids does not answer these requests; early versions of the proxy ended (etcd-io/etcd#12311).
  const askProgress = (): void => {
    if (ids.areOurs) send({ progress_request: {} })
  }
  const catchingUp = catchUp(() => ids.areOurs, askProgress, read)
  const alive = liveness(member, askProgress)

  const sendCreates = (): void => {
    for (const [id, request] of waiting) {
      if (!ids.mayCreate) return
      waiting.delete(id)
      ids.creating(id)
      send({ create_request: { ...request, watch_id: id } })
    }
  }
  const cancel = (id: string): void => {
    const watch_id = ids.cancelling(id)
    if (watch_id !== undefined) send({ cancel_request: { watch_id } })
  }
  const create = (response: WatchResponse): void => {
    const cancelled = ids.areOurs
    const id = ids.created(response, requested.values().next().value ?? '')
    createdAt = now()
    requested.delete(id)
    const watcher = watchers.get(id)
    if (watcher !== undefined) receiveFor(id, watcher, ids.areTheirs && !response.canceled ? { ...response, cluster: '0', revision: 0 } : response)
    else if (!cancelled && !response.canceled) cancel(id)
    sendCreates()
  }
  const receiveFor = (id: string, watcher: Watcher, response: WatchResponse): void => {
    for (const { key } of response.changes)
      if (!covers(watcher.range, key)) {
        const range = typeof watcher.range === 'string' ? `the prefix ${quotedValue(watcher.range)}` : `the key ${quotedValue(watcher.range.key)}`
        fail(new Disconnected(`${host} delivered an event of ${quotedValue(key)} to a watch of ${range} (is a proxy in between that mixes up watches?)`, { host }))
        return
      }
    // The first watch of a stream had a new token. For a later one the token may have expired, which 3.4 reports as a missing permission, too.
    // The stream goes on serving the watches that it has, but takes no more.
    if (response.canceled && !ids.isFirst(id) && /permission denied|auth/.test(response.reason)) {
      retire()
      watcher.fail(new StaleToken(`${host} refused the watch: ${response.reason}`, { host }))
    } else watcher.receive(response)
  }
  const receive = (message: Buffer): void => {
    alive.received()
    const response = readWatch(message)
    if (response.created) create(response)
    else if (response.id === '-1') {
      if (!response.canceled) catchingUp.answered()
    } else {
      const id = ids.oursOf(response.id)
      const watcher = watchers.get(id)
      requested.delete(id)
      // Events of a cancelled watch may still arrive.
      if (watcher !== undefined) receiveFor(id, watcher, response)
    }
  }
  const open = new Subscription()
  const close = (): void => {
    retire()
    ended()
    open.unsubscribe()
    creating.unsubscribe()
    catchingUp.close()
    waiting.clear()
  }
  const fail = (error: unknown): void => {
    close()
    const all = [...watchers.values()]
    watchers.clear()
    for (const watcher of all) watcher.fail(toError(error))
  }
  // One timer for all: if many watches are requested at once, each one waits for those before it.
  const checkCreations = (): void => {
    const left = createdAt + createWithin - now()
    if (requested.size === 0) return
    if (left > 0) creating = timers.schedule(checkCreations, left)
    else {
      const late = new Disconnected(`${host} created no watch within ${createWithin} ms`, { host })
      const all = [...requested]
      // A watcher may be added again while it fails.
      requested.clear()
      waiting.clear()
      // Without our ids, a late answer could be taken for that of another create.
      if (!ids.areOurs) retire()
      for (const id of all) watchers.get(id)?.fail(late)
    }
  }
  const request = (id: string, create_request: CreateRequest): void => {
    if (requested.size === 0) {
      createdAt = now()
      creating.unsubscribe()
      creating = timers.schedule(checkCreations, createWithin)
    }
    requested.add(id)
    waiting.set(id, create_request)
    sendCreates()
  }
  const start = (): void => {
    const messages = member.stream<IWatchRequest, Buffer>((client, options) => client.watchClient.watch(inBytes(options)) as never, written)
    subscribeWithin(open, messages, { next: receive, error: fail, complete: nothing })
    subscribeWithin(open, alive.silence, { next: nothing, error: fail, complete: nothing })
  }
  const remove = (id: string): void => {
    const sent = !waiting.delete(id)
    requested.delete(id)
    catchingUp.remove(id)
    if (!watchers.delete(id)) return
    if (watchers.size === 0) close()
    else if (sent) cancel(id)
  }
  return {
    fail,
    add: watcher => {
      // Read first: it throws for a range that cannot be encoded.
      const create_request = watcher.request
      const id = ids.next()
      watchers.set(id, watcher)
      request(id, create_request)
      if (ids.isFirst(id)) start()
      return {
        unsubscribe: () => remove(id),
        catchUp: caughtUp => catchingUp.add(id, caughtUp),
        stopCatchUp: () => catchingUp.remove(id),
      }
    },
  }
}

/** The watch streams of a member. */
export const watchStreams = (member: Member): WatchStreams => {
  // A stream that takes no more watches stays open for those that it has.
  const open = new Set<WatchStream>()
  let current: WatchStream | undefined
  let closed: Error | undefined
  const opened = (): WatchStream => {
    const retire = (): void => {
      if (current === made) current = undefined
    }
    const made = watchStream(member, retire, () => open.delete(made))
    open.add(made)
    return made
  }
  return {
    add: watcher => {
      if (closed === undefined) return (current ??= opened()).add(watcher)
      watcher.fail(closed)
      return notAdded
    },
    isIdle: () => open.size === 0,
    close: error => {
      closed = error
      for (const stream of [...open]) stream.fail(error)
    },
    // Other errors than an outage are for the watch itself to report.
    renewed: member.call((client, options) => client.kv.range(anyKey, options)).pipe(
      ignoreElements(),
      catchError((error: unknown) => (isOutage(error) ? throwError(() => toError(error)) : EMPTY)),
    ),
  }
}
