import { NEVER, type Observable } from 'rxjs'
import { flag, functionOf, invalidOptions, numberFrom, anObject, type Checks } from '../../core/arguments.js'
import type { Range } from '../../core/store.js'
import { either, flaw, invalid, throwIfInvalid } from '../../core/validation.js'
import { wireIdText, type Received, type WireId } from '../../core/wire/wire-event.js'
import type { ReadableRegistry } from '../../flow/registry.js'
import { withoutHistory } from '../../flow/registry-history.js'
import { withSignals } from '../../flow/registry-signals.js'
import { answers } from './answers.js'
import { eventStream } from './event-stream.js'
import { eventsOf, type Bridged } from './events-of.js'
import { pacing } from './pacing.js'
import { requestUrl } from './request-url.js'
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
  headers: either(anObject, functionOf('an object of strings, or a function that returns one')),
  fetch: functionOf('a function like fetch'),
  maxBytes: numberFrom(1, Infinity),
  share: flag,
}

const urlOf = (url: string | URL): URL => {
  const base = (globalThis as { readonly location?: { readonly href: string } }).location?.href
  try {
    return new URL(url, base)
  } catch {
    throw invalid('url', flaw('must be a URL, or in a browser the path of one', url, "such as 'https://gateway.example/discovery'"))
  }
}

/** The registry of one tab. */
const ownRegistry = (bridged: Bridged): ReadableRegistry => {
  const { url } = bridged
  const { host } = url
  const pace = pacing()
  const events = (ranges: readonly Range[], answer?: Readonly<Record<string, string>>, id?: WireId): Observable<Received> =>
    eventsOf({ ...bridged, url: requestUrl(url, ranges, answer) }, id && wireIdText(id)).pipe(pace.paced())
  const { watch, listed } = eventStream({ host, pacing: pace, events: (ranges, id) => events(ranges, undefined, id) })
  const { list, check } = answers({ host, ready: pace.ready, events, listed })
  return withSignals({ list, watch, check }, { closed: NEVER, returned: pace.returned })
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
  const { headers = {}, fetch = (input: RequestInfo | URL, init?: RequestInit) => globalThis.fetch(input, init), maxBytes = 4_194_304, share = false } = options ?? {}
  const own = ownRegistry({ url: at, headers: typeof headers === 'function' ? headers : () => headers, fetch, maxBytes })
  return withoutHistory(share ? sharedByTabs(own, `rx-discovery ${at.href}`) : own)
}
