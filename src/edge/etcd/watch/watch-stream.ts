import type { IWatchRequest } from 'etcd3'
import { catchError, EMPTY, ignoreElements, Observable, Subject, Subscription, throwError } from 'rxjs'
import { Disconnected } from '../../../core/errors.js'
import { now, timers } from '../../../flow/clock.js'
import { nothing, subscribeWithin } from '../../../flow/subscribe-within.js'
import { asError, isOutage } from '../connection/etcd-errors.js'
import { liveness } from './liveness.js'
import type { Member } from '../connection/member.js'
import { readWatch, type WatchResponse } from '../wire/messages.js'
import { anyKey } from '../range/range.js'
import { StaleToken } from '../connection/rpc.js'
import { inBytes } from '../wire/protobuf.js'

type CreateRequest = NonNullable<IWatchRequest['create_request']>

/** A watch, as its stream sees it. */
export interface Watched {
  readonly request: CreateRequest
  readonly heard: (response: WatchResponse) => void
  /** The stream broke; or, by `StaleToken`, it is too old for this watch, and another one may be opened once the token is renewed. */
  readonly failed: (error: Error) => void
}

/** All watches of one member over one gRPC stream, which is open while there is a watch. */
export interface WatchStream {
  /** Creates a watch, whose responses it hears from now on until the returned function cancels it. */
  readonly add: (watch: Watched) => () => void
  /** Ends all watches, and those to come, with this error. */
  readonly close: (error: Error) => void
  /** Makes a call, which has its token renewed; completes, or errors when the member is away. */
  readonly renewed: Observable<never>
}

const firstId = '1'
/** For how long (ms) no watch may be created, though there are some to be. */
const patience = 5_000

interface Connection {
  readonly add: (watch: Watched) => () => void
  readonly fail: (error: unknown) => void
}

/** `retire` is called when no more watches may be added, `ended` when the last one has left. */
const connection = (member: Member, retire: () => void, ended: () => void): Connection => {
  const watches = new Map<string, Watched>()
  /** Not created yet; creations are answered in their order. */
  const asked = new Set<string>()
  const requests = new Subject<IWatchRequest>()
  const waiting: IWatchRequest[] = []
  let ids = 0
  let createdAt = now()
  let creating = Subscription.EMPTY

  const send = (request: IWatchRequest): void => {
    if (requests.observed) requests.next(request)
    else waiting.push(request)
  }
  const written = new Observable<IWatchRequest>(subscriber => {
    waiting.splice(0).forEach(request => subscriber.next(request))
    return requests.subscribe(subscriber)
  })
  // Some etcds refuse a watch under no id.
  const idOf = ({ id, created }: WatchResponse): string | undefined => (id === '-1' && created ? asked.values().next().value : id)
  const deliver = (message: Buffer): void => {
    const response = readWatch(message)
    const id = idOf(response) ?? ''
    const watch = watches.get(id)
    asked.delete(id)
    if (response.created) createdAt = now()
    // What was cancelled may still have events under way.
    if (watch === undefined) return
    // The first watch had a fresh token; for a later one it may have run out, which 3.4 calls a lack of permission, too.
    // What is watched already goes on, but nothing can be added.
    if (response.canceled && id !== firstId && /permission denied|auth/.test(response.reason)) {
      retire()
      watch.failed(new StaleToken(`${member.host} refused the watch: ${response.reason}`, { host: member.host }))
    } else watch.heard(response)
  }
  const alive = liveness(member, () => send({ progress_request: {} }))
  const open = new Subscription()
  const close = (): void => {
    retire()
    ended()
    open.unsubscribe()
    creating.unsubscribe()
  }
  const fail = (error: unknown): void => {
    close()
    const all = [...watches.values()]
    watches.clear()
    for (const watch of all) watch.failed(asError(error))
  }
  // By one timer for all: of thousands that are asked for at once each has to wait for those before it.
  const overdue = (): void => {
    const left = createdAt + patience - now()
    if (asked.size === 0) return
    if (left > 0) creating = timers.schedule(overdue, left)
    else {
      const { host } = member
      const late = new Disconnected(`${host} created no watch within ${patience} ms`, { host })
      const all = [...asked]
      // They may be asked for again while they are told.
      asked.clear()
      for (const id of all) watches.get(id)?.failed(late)
    }
  }
  const ask = (id: string): void => {
    if (asked.size === 0) {
      createdAt = now()
      creating.unsubscribe()
      creating = timers.schedule(overdue, patience)
    }
    asked.add(id)
  }
  const start = (): void => {
    const messages = member.stream<IWatchRequest, Buffer>((client, options) => client.watchClient.watch(inBytes(options)) as never, written)
    const next = (message: Buffer): void => {
      alive.heard()
      try {
        deliver(message)
      } catch (thrown) {
        fail(thrown)
      }
    }
    subscribeWithin(open, messages, { next, error: fail, complete: nothing })
    subscribeWithin(open, alive.silence, { next: nothing, error: fail, complete: nothing })
  }
  const remove = (id: string): void => {
    asked.delete(id)
    if (!watches.delete(id)) return
    if (watches.size === 0) close()
    else send({ cancel_request: { watch_id: id } })
  }
  return {
    fail,
    add: watch => {
      // First of all, since what is no prefix throws.
      const { request } = watch
      const id = String(++ids)
      watches.set(id, watch)
      ask(id)
      send({ create_request: { ...request, watch_id: id } })
      if (id === firstId) start()
      return () => remove(id)
    },
  }
}

/** The watch stream of a member. */
export const watchStream = (member: Member): WatchStream => {
  // One that takes no more watches lives on as long as those that it has.
  const open = new Set<Connection>()
  let current: Connection | undefined
  let closed: Error | undefined
  const connected = (): Connection => {
    const retire = (): void => {
      if (current === made) current = undefined
    }
    const made = connection(member, retire, () => open.delete(made))
    open.add(made)
    return made
  }
  return {
    add: watch => {
      if (closed === undefined) return (current ??= connected()).add(watch)
      watch.failed(closed)
      return nothing
    },
    close: error => {
      closed = error
      for (const one of [...open]) one.fail(error)
    },
    // What else it is answered is for the watch to hear itself.
    renewed: member.call((client, options) => client.kv.range(anyKey, options)).pipe(
      ignoreElements(),
      catchError((error: unknown) => (isOutage(error) ? throwError(() => asError(error)) : EMPTY)),
    ),
  }
}
