import { HttpHeaders, HttpResponse, type HttpRequest } from '@angular/common/http'
import { makeStateKey, type StateKey, type TransferState } from '@angular/core'

interface Transferred {
  readonly body: unknown
  readonly headers: Readonly<Record<string, readonly string[]>>
  readonly status: number
}

const keyOf = ({ method, responseType, urlWithParams }: HttpRequest<unknown>): StateKey<Transferred | null> => makeStateKey(`rx-discovery ${method} ${responseType} ${urlWithParams}`)

const isPersonal = ({ headers, withCredentials, credentials }: HttpRequest<unknown>): boolean =>
  ['authorization', 'proxy-authorization', 'cookie'].some(name => headers.has(name)) || withCredentials || credentials === 'include' || credentials === 'same-origin'

const forbidsCaching = (headers: HttpHeaders): boolean => /(^|,)\s*(no-store|no-cache|private)\b/i.test(headers.get('cache-control') ?? '')

const isTransferable = (request: HttpRequest<unknown>): boolean =>
  ['GET', 'HEAD'].includes(request.method) &&
  ['json', 'text'].includes(request.responseType) &&
  request.transferCache !== false &&
  !isPersonal(request) &&
  !forbidsCaching(request.headers) &&
  request.cache !== 'no-store' &&
  request.cache !== 'no-cache'

const includedHeaders = ({ transferCache }: HttpRequest<unknown>, headers: HttpHeaders): Transferred['headers'] => {
  const names = typeof transferCache === 'object' ? (transferCache.includeHeaders ?? []) : []
  return Object.fromEntries(names.flatMap(name => (headers.has(name) ? [[name, headers.getAll(name) ?? []]] : [])))
}

/**
 * Hands the answers to `service://…` that a server got over to the browser, by the rules of Angular's own transfer cache. That one runs after all interceptors of an
 * application, so it would put the URL of the chosen instance into the page.
 */
export class ResponseTransfer {
  readonly #state: TransferState
  readonly #isServer: boolean
  #ended = false

  constructor(state: TransferState, isServer: boolean) {
    this.#state = state
    this.#isServer = isServer
  }

  /** From now on answers are not taken from the page: it shows what the server knew. */
  end(): void {
    this.#ended = true
  }

  /** The answer that the page holds. */
  received(request: HttpRequest<unknown>): HttpResponse<unknown> | undefined {
    const found = this.#isServer || this.#ended || !isTransferable(request) ? null : this.#state.get(keyOf(request), null)
    if (found === null) return undefined
    const headers = new HttpHeaders(Object.fromEntries(Object.entries(found.headers).map(([name, values]) => [name, [...values]])))
    return new HttpResponse({ body: found.body, headers, status: found.status, url: request.urlWithParams })
  }

  /** Puts an answer into the page. */
  send(request: HttpRequest<unknown>, { body, headers, status }: HttpResponse<unknown>): void {
    if (!this.#isServer || !isTransferable(request) || forbidsCaching(headers) || headers.has('set-cookie')) return
    this.#state.set(keyOf(request), { body, headers: includedHeaders(request, headers), status })
  }
}
