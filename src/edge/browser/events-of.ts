import { createParser } from 'eventsource-parser'
import { either as E, option as O } from 'fp-ts'
import { Observable } from 'rxjs'
import { Denied, Disconnected, toError } from '../../core/errors.js'
import { reasonOf } from '../../core/validation.js'
import { readWireEvent, readWireId, type Received } from '../../core/wire/wire-event.js'
import { background, now, startOutside, timer } from '../../flow/clock.js'
import { eventCounter } from './event-counter.js'

/** A bridge that refuses for now; `retryAfter` is when to come back, ms from now. */
export class Busy extends Disconnected {
  readonly retryAfter: number
  constructor(message: string, host: string, retryAfter: number) {
    super(message, { host })
    this.retryAfter = retryAfter
  }
}

/** How to reach a bridge. */
export interface Bridged {
  readonly url: URL
  readonly headers: () => HeadersInit | Promise<HeadersInit>
  readonly fetch: typeof globalThis.fetch
  /** The longest event, bytes. */
  readonly maxBytes: number
}

/** How long a response may be silent before it has named its heartbeat, and how many heartbeats it may be silent afterwards. */
const patience = 40_000
const heartbeats = 2.5
/** A shorter limit would take a busy machine for an outage, ms. */
const leastPatience = 1_000

const retryAfterOf = ({ headers }: Response): number => {
  const given = headers.get('retry-after') ?? ''
  const seconds = /^\d{1,6}$/.test(given) ? Number(given) : 1
  return seconds * 1_000
}

/** The request as a message shows it: without user, password and fragment, and of the query only what this library asks for, since the rest may hold a token. */
const shownUrl = ({ origin, pathname, searchParams }: URL): string => {
  const asked = [...searchParams].filter(([name]) => /^(list|at|check|prefix|key)$/.test(name)).map(([name, value]) => `${name}=${value}`)
  return `${origin}${pathname}${asked.length === 0 ? '' : `?${asked.join('&')}`}`
}

/** What a response says that serves no events. */
const refusal = (response: Response, url: URL): Error => {
  const { status } = response
  const request = `GET ${shownUrl(url)}`
  if (status === 401 || status === 403) return new Denied(`${request} was answered ${status} (see the option headers)`, { host: url.host })
  if (status === 404) return new Denied(`${request} was answered 404: the bridge does not serve this (see its option services)`, { host: url.host })
  if (status === 503) return new Busy(`${request} was answered 503: the bridge has too many clients, or it is shutting down`, url.host, retryAfterOf(response))
  return new Disconnected(`${request} was answered ${status} with ${response.headers.get('content-type') ?? 'no type'} instead of text/event-stream`, { host: url.host })
}

const isEventStream = ({ status, headers }: Response): boolean => status === 200 && /^text\/event-stream\b/i.test(headers.get('content-type') ?? '')

/**
 * The events of one response. Completes with it; errors `Disconnected` if it breaks off, is silent or sends what is no event, `Denied` if it is refused. An event
 * whose end has not arrived is none.
 */
export const eventsOf = ({ url, headers, fetch, maxBytes }: Bridged, lastEventId?: string): Observable<Received> =>
  new Observable(subscriber =>
    startOutside(inside => {
      const aborting = new AbortController()
      const broken = (why: string, cause?: unknown): Disconnected => new Disconnected(`GET ${shownUrl(url)} ${why}`, { host: url.host, ...(cause !== undefined && { cause }) })
      const fail = (error: Error): void => {
        aborting.abort()
        inside(() => subscriber.error(error))
      }

      let heardAt = now()
      let limit = patience
      const listen = (): void => {
        const left = heardAt + limit - now()
        if (left <= 0) fail(broken(`has been silent for ${limit} ms`))
        else subscriber.add(timer(left, background).subscribe({ next: listen, error: fail }))
      }
      const parser = createParser({
        onEvent: ({ event = 'message', data, id }) => {
          const read = readWireEvent(event, data)
          if (E.isLeft(read)) fail(broken(`sent an event that cannot be read: ${reasonOf(read.left, 'its data')}`))
          else if (O.isSome(read.right)) {
            const received = { event: read.right.value, id: id === undefined ? undefined : readWireId(id) }
            inside(() => subscriber.next(received))
          }
        },
        onComment: text => {
          const [, heartbeat] = /\bheartbeat=(\d{1,9})/.exec(text) ?? []
          if (heartbeat === undefined) return
          limit = Math.max(leastPatience, Number(heartbeat) * heartbeats)
          listen()
        },
      })
      const read = async (): Promise<void> => {
        const request = { headers: { ...Object.fromEntries(new Headers(await headers())), accept: 'text/event-stream', ...(lastEventId !== undefined && { 'last-event-id': lastEventId }) } }
        const response = await fetch(url.href, { ...request, cache: 'no-store', signal: aborting.signal })
        if (!isEventStream(response)) {
          await response.body?.cancel()
          throw refusal(response, url)
        }
        const reader = response.body?.getReader()
        const decoder = new TextDecoder()
        const bytesIn = eventCounter()
        for (;;) {
          const chunk = await reader?.read()
          if (subscriber.closed) return
          if (chunk?.value === undefined) break
          heardAt = now()
          if (bytesIn(chunk.value) > maxBytes) throw broken(`sent an event of more than ${maxBytes} bytes (see the option maxBytes)`)
          parser.feed(decoder.decode(chunk.value, { stream: true }))
        }
        inside(() => subscriber.complete())
      }
      listen()
      read().catch((thrown: unknown) => {
        const error = toError(thrown)
        const reason = error.cause instanceof Error && error.cause.message !== '' ? error.cause.message : error.message
        fail(error instanceof Denied || error instanceof Disconnected ? error : broken(`failed: ${reason}`, thrown))
      })
      return () => aborting.abort()
    }),
  )
