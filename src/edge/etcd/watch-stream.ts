import type { IWatchRequest } from 'etcd3'
import { catchError, concat, EMPTY, ignoreElements, Observable, Subject, Subscription, tap, throwError, type Subscriber } from 'rxjs'
import { asError, isOutage } from './errors.js'
import { liveness } from './liveness.js'
import type { Member } from './member.js'
import { readWatch, type WatchResponse } from './messages.js'
import { anyKey } from './range.js'
import { StaleToken } from './rpc.js'
import { inBytes } from './wire.js'

type CreateRequest = NonNullable<IWatchRequest['create_request']>

/** All watches of one member over one gRPC stream, which is open while there is a watch. */
export interface WatchStream {
  /** Creates a watch on subscribe and cancels it on unsubscribe; emits its responses, errors when the stream breaks. */
  readonly watch: (request: CreateRequest) => Observable<WatchResponse>
}

const firstId = '1'

interface Watch {
  readonly subscriber: Subscriber<WatchResponse>
  created: boolean
}

interface Connection {
  readonly add: (request: CreateRequest, subscriber: Subscriber<WatchResponse>) => string
  readonly remove: (id: string) => void
}

/** `retire` is called when no more watches may be added. */
const connection = (member: Member, retire: () => void): Connection => {
  const watches = new Map<string, Watch>()
  const requests = new Subject<IWatchRequest>()
  const waiting: IWatchRequest[] = []
  let ids = 0

  const send = (request: IWatchRequest): void => {
    if (requests.observed) requests.next(request)
    else waiting.push(request)
  }
  const written = new Observable<IWatchRequest>(subscriber => {
    waiting.splice(0).forEach(request => subscriber.next(request))
    return requests.subscribe(subscriber)
  })
  // Some etcds refuse a watch under no id; creations are answered in their order.
  const idOf = ({ id, created }: WatchResponse): string | undefined =>
    id === '-1' && created ? [...watches].find(([, watch]) => !watch.created)?.[0] : id
  const deliver = (message: Buffer): void => {
    const response = readWatch(message)
    const id = idOf(response) ?? ''
    const watch = watches.get(id)
    // What was cancelled may still have events under way.
    if (watch === undefined) return
    watch.created = true
    // The first watch had a fresh token; for a later one it may have run out, which 3.4 calls a lack of permission, too.
    // What is watched already goes on, but nothing can be added.
    if (response.canceled && id !== firstId && /permission denied|auth/.test(response.reason)) {
      retire()
      watch.subscriber.error(new StaleToken(`${member.host} refused the watch: ${response.reason}`, { host: member.host }))
    } else watch.subscriber.next(response)
  }
  const alive = liveness(member, () => send({ progress_request: {} }))
  const open = new Subscription()
  const close = (): void => {
    retire()
    open.unsubscribe()
  }
  const fail = (error: unknown): void => {
    close()
    const all = [...watches.values()]
    watches.clear()
    all.forEach(({ subscriber }) => subscriber.error(asError(error)))
  }
  const start = (): void => {
    open.add(
      member
        .stream<IWatchRequest, Buffer>((client, options) => client.watchClient.watch(inBytes(options)) as never, written)
        .pipe(tap(alive.heard), tap(deliver))
        .subscribe({ error: fail }),
    )
    open.add(alive.silence.subscribe({ error: fail }))
  }
  return {
    add: (request, subscriber) => {
      const id = String(++ids)
      watches.set(id, { subscriber, created: false })
      send({ create_request: { ...request, watch_id: id } })
      if (id === firstId) start()
      return id
    },
    remove: id => {
      if (!watches.delete(id)) return
      if (watches.size === 0) close()
      else send({ cancel_request: { watch_id: id } })
    },
  }
}

/** The watch stream of a member. */
export const watchStream = (member: Member): WatchStream => {
  let current: Connection | undefined
  const connected = (): Connection => {
    const made = connection(member, () => {
      if (current === made) current = undefined
    })
    return made
  }
  const added = (request: CreateRequest): Observable<WatchResponse> =>
    new Observable(subscriber => {
      const used = (current ??= connected())
      const id = used.add(request, subscriber)
      return () => used.remove(id)
    })
  // A call has its token renewed; what else it is answered is for the watch to hear itself.
  const renewed = member.call((client, options) => client.kv.range(anyKey, options)).pipe(
    ignoreElements(),
    catchError((error: unknown) => (isOutage(error) ? throwError(() => asError(error)) : EMPTY)),
  )
  return {
    watch: request =>
      added(request).pipe(
        catchError((error: unknown) => (error instanceof StaleToken ? concat(renewed, added(request)) : throwError(() => asError(error)))),
      ),
  }
}
