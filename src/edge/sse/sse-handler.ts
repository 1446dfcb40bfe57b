import type { IncomingMessage, ServerResponse } from 'node:http'
import { catchError, EMPTY, filter, map, merge, NEVER, Subscription, switchMap, take, tap, type Observable } from 'rxjs'
import { invalidArguments, invalidOptions, readableRegistry } from '../../core/arguments.js'
import { exponential } from '../../core/backoff.js'
import { Rewound, toError } from '../../core/errors.js'
import { native } from '../../core/formats/native.js'
import { throwIfInvalid } from '../../core/validation.js'
import type { Content } from '../../core/wire/content.js'
import { digestText } from '../../core/wire/digest.js'
import { requestTarget } from '../../core/wire/request-target.js'
import { serving as servingOf } from '../../core/wire/serving.js'
import { readWireId, wireEventText, type WireId } from '../../core/wire/wire-event.js'
import { background, interval, timer } from '../../flow/clock.js'
import type { ReadableRegistry } from '../../flow/registry.js'
import { Audiences } from './audiences.js'
import { bridge as bridgeOf } from '../../flow/bridge/bridge.js'
import { Client } from './client.js'
import { corsHeaders, preflight } from './cross-origin.js'
import { frame } from './frame.js'
import { rangesOf } from './ranges.js'
import { sseHandlerChecks, type SseHandlerOptions } from './sse-handler-options.js'

/** A request handler of `node:http`, Express, and of the raw request and response of Fastify and Nest. */
export interface SseHandler {
  (request: IncomingMessage, response: ServerResponse): void
  /** Ends all responses; further requests are answered 503. Call it before you close the server, which waits for open responses. */
  readonly close: () => void
  /** How many responses are open. */
  readonly clients: () => number
}

/** How long the watch is kept after the last client has left, ms. */
const linger = 5_000
/** When a client that was refused may come back, seconds. */
const retryAfter = 5

const refuse = (response: ServerResponse, status: number, message: string, headers: Readonly<Record<string, string>> = {}): void => {
  response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8', 'cache-control': 'no-store', ...headers })
  response.end(`${message}\n`)
}

const revisionIn = (query: URLSearchParams, name: string): number | undefined => {
  const given = query.get(name)
  return given !== null && /^\d{1,16}$/.test(given) && Number.isSafeInteger(Number(given)) ? Number(given) : undefined
}

/**
 * Serves services to browsers and other programs by server-sent events: for `sseRegistry` of `rx-discovery/browser`. All clients share one watch of the registry, and each
 * change is serialised once. Errors of the registry are events; while it does not answer, streams stay open. Throws `InvalidArgument`.
 *
 * @example createServer(sseHandler(registry, { services: ['web', 'orders'], project: { metadata: ['rack'] } }))
 */
export const sseHandler = (registry: ReadableRegistry, options: SseHandlerOptions): SseHandler => {
  throwIfInvalid(
    invalidArguments('sseHandler(registry, options)', ['registry', readableRegistry, registry]) ?? invalidOptions<SseHandlerOptions>('sseHandler', options, sseHandlerChecks, ['services']),
  )
  const { services, format = native(), project = { metadata: [] }, heartbeat = 15_000, maxClients = 1_000, cors = false, backoff = exponential() } = options
  const serving = servingOf({ services, format, project })
  const bridge = bridgeOf(registry, serving, { backoff, linger })
  const audiences = new Audiences()
  const open = new Set<Subscription>()
  let following: Subscription | undefined
  let closed = false

  const close = (): void => {
    closed = true
    for (const each of [...open]) each.unsubscribe()
  }
  /** Follows the registry while a response is open. */
  const follow = (response: ServerResponse, client: Client): Subscription => {
    following ??= new Subscription()
    if (open.size === 0) {
      following = bridge.events.subscribe({ next: event => audiences.show(event), error: close })
      following.add(interval(heartbeat).subscribe({ next: () => audiences.beat(bridge.content()), error: close }))
    }
    const session = new Subscription(() => {
      client.close()
      open.delete(session)
      if (open.size === 0) following?.unsubscribe()
    })
    open.add(session)
    response.once('close', () => session.unsubscribe())
    return session
  }

  /** Runs `serve`; again after trouble if the client stays. */
  const whenAnswered = (client: Client, source: Observable<Content>, serve: (content: Content) => Observable<unknown>, stays: boolean): Observable<unknown> => {
    const once = (): Observable<unknown> =>
      source.pipe(
        switchMap(serve),
        catchError((thrown: unknown) => {
          const known = bridge.trouble()
          client.fail(toError(thrown), known?.since)
          // A check may fail while the watch goes on.
          if (stays) return merge(bridge.events.pipe(filter(({ type }) => type !== 'trouble')), known === undefined ? timer(1_000, background) : NEVER).pipe(take(1), switchMap(once))
          client.end()
          return EMPTY
        }),
      )
    return once()
  }

  const resumed = (client: Client, id: WireId) => (content: Content): Observable<unknown> => {
    const afresh = (error: Error): void => {
      client.fail(error)
      client.list(bridge.content())
    }
    if (id.revision > content.revision) {
      afresh(new Rewound('the revision is in the future'))
      return EMPTY
    }
    return bridge.at(id.revision).pipe(
      tap(then => {
        audiences.flush()
        if (id.digest === undefined || id.digest === digestText(then.content.digest)) client.resume(then, bridge.content())
        else afresh(new Rewound('the history was replaced'))
      }),
      catchError((thrown: unknown) => {
        const error = toError(thrown)
        if (error.name !== 'Compacted' && error.name !== 'Rewound') throw error
        afresh(error)
        return EMPTY
      }),
    )
  }

  const stream = (client: Client, id: WireId | undefined, session: Subscription): Observable<unknown> => {
    session.add(audiences.join(client))
    client.open(heartbeat)
    const listed = (content: Content): Observable<unknown> => {
      audiences.flush()
      client.list(content)
      return EMPTY
    }
    return whenAnswered(client, bridge.caughtUp, id === undefined ? listed : resumed(client, id), true)
  }
  const answerOf = (client: Client, query: URLSearchParams): Observable<unknown> => {
    const [at, since] = [revisionIn(query, 'at'), revisionIn(query, 'check')]
    const respond = (answer: (content: Content) => void) => (content: Content): Observable<unknown> => {
      answer(content)
      client.end()
      return EMPTY
    }
    if (since === undefined) return whenAnswered(client, at === undefined ? bridge.fresh : bridge.at(at).pipe(map(({ content }) => content)), respond(content => client.list(content)), false)
    const checked = respond(({ revision, served }) => {
      const all = [...served.values()].filter(({ key }) => client.ranges.have(key))
      client.answer(frame('check', wireEventText({ type: 'check', check: { revision, count: all.length, changed: all.filter(each => each.revision > since) } })))
    })
    return whenAnswered(client, bridge.checked, checked, false)
  }

  const handle = (request: IncomingMessage, response: ServerResponse): void => {
    const { headers, method } = request
    const allowed = corsHeaders(cors, headers.origin)
    if (method === 'OPTIONS' && cors !== false) {
      response.writeHead(204, { ...allowed, ...preflight })
      response.end()
      return
    }
    if (method !== 'GET') {
      refuse(response, 405, 'only GET is served', { ...allowed, allow: 'GET' })
      return
    }
    const { query } = requestTarget(request.url)
    const ranges = rangesOf(query)
    if (!ranges.all.every(serving.allows)) {
      refuse(response, 404, 'not served here', allowed)
      return
    }
    if (closed || open.size >= maxClients) {
      refuse(response, 503, closed ? 'shutting down' : 'too many clients', { ...allowed, 'retry-after': String(retryAfter) })
      return
    }
    response.writeHead(200, {
      ...allowed,
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-cache, no-transform',
      'x-accel-buffering': 'no',
    })
    const client = new Client(response, ranges, serving.hides)
    const session = follow(response, client)
    const lastId = headers['last-event-id']
    const isAnswer = ['list', 'at', 'check'].some(name => query.has(name))
    const work = isAnswer ? answerOf(client, query) : stream(client, typeof lastId === 'string' ? readWireId(lastId) : undefined, session)
    session.add(work.subscribe({ error: () => session.unsubscribe() }))
  }
  return Object.assign(handle, { close, clients: () => open.size })
}
