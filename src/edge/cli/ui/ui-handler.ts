import { createHash, timingSafeEqual } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { firstValueFrom, merge } from 'rxjs'
import { InvalidArgument, toError } from '../../../core/errors.js'
import { isRecord } from '../../../core/instance/json.js'
import { requestTarget, type RequestTarget } from '../../../core/wire/request-target.js'
import { background, timer } from '../../../flow/clock.js'
import type { Registry } from '../../../flow/registry.js'
import type { SseHandler } from '../../sse/index.js'
import type { FleetHistory } from './fleet-history.js'
import { Refused, type DeskRequest, type OverrideDesk } from './override-desk.js'
import { requestRefusal } from './request-guard.js'
import { uiIcon, uiPage, uiStyles } from './ui-page.js'

/** What the server of a board serves. */
export interface UiHandlerOptions {
  readonly registry: Registry
  readonly discovery: SseHandler
  readonly history: FleetHistory
  readonly desk: OverrideDesk
  /** The board in one file. */
  readonly script: Buffer
  readonly heading: string
  /** The names by which it may be asked, besides those of the loopback; in lower case. */
  readonly names: readonly string[]
  /** A request with this token may override; `undefined`: none may. */
  readonly token: string | undefined
}

/** What goes with every answer: nothing of other websites is loaded, and none may show the page in a frame. */
const security = {
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
}

/** The longest request, bytes, and how long a recording is waited for, ms. */
const [longestBody, longestWait] = [16 * 1024, 5_000]

const hashOf = (text: string): Buffer => createHash('sha256').update(text).digest()

const leaseIn = (query: URLSearchParams): string => {
  const lease = query.get('lease') ?? ''
  if (!/^\d{1,20}$/.test(lease)) throw new Refused(400, 'lease must be a decimal number')
  return lease
}

const bodyOf = async (request: IncomingMessage): Promise<DeskRequest> => {
  if (request.headers['content-type'] !== 'application/json') throw new Refused(415, 'the body must be application/json')
  let text = ''
  for await (const chunk of request) {
    text += String(chunk)
    if (text.length > longestBody) throw new Refused(413, 'the body is too long')
  }
  let body: unknown
  try {
    body = JSON.parse(text)
  } catch {
    throw new Refused(400, 'the body must be JSON')
  }
  if (!isRecord(body) || typeof body['service'] !== 'string' || typeof body['id'] !== 'string') throw new Refused(400, 'the body must have a service and an id')
  return { service: body['service'], id: body['id'], last: body['last'] === true }
}

/** The requests of a board: the page, the bridge, the recording, and the control of operators. */
export const uiHandler = ({ registry, discovery, history, desk, script, heading, names, token }: UiHandlerOptions): ((request: IncomingMessage, response: ServerResponse) => void) => {
  const expected = token === undefined ? undefined : hashOf(token)
  const answer = (response: ServerResponse, status: number, type: string, body: string | Buffer): void => {
    response.writeHead(status, { 'content-type': type, 'cache-control': 'no-store' }).end(body)
  }
  const text = (response: ServerResponse, status: number, message: string): void => answer(response, status, 'text/plain; charset=utf-8', `${message}\n`)
  const json = (response: ServerResponse, value: unknown): void => answer(response, 200, 'application/json', JSON.stringify(value))

  const pages: Readonly<Record<string, readonly [type: string, body: string | Buffer]>> = {
    '/': ['text/html; charset=utf-8', uiPage(heading)],
    '/board.js': ['text/javascript; charset=utf-8', script],
    '/page.css': ['text/css; charset=utf-8', uiStyles],
    '/icon.svg': ['image/svg+xml', uiIcon],
  }
  const read = async ({ path, query }: RequestTarget, response: ServerResponse): Promise<void> => {
    const page = pages[path]
    if (page !== undefined) answer(response, 200, ...page)
    else if (path === '/recording') {
      // A page that is opened at once gets the past as well.
      await firstValueFrom(merge(history.caughtUp, timer(longestWait, background)), { defaultValue: undefined })
      answer(response, 200, 'application/x-ndjson; charset=utf-8', history.text())
    } else if (path === '/control/overrides') json(response, { allowed: expected !== undefined, overrides: desk.overrides(), journal: desk.journal() })
    else if (path === '/control/remaining') json(response, await firstValueFrom(registry.remaining(leaseIn(query)), { defaultValue: null }))
    else text(response, 404, 'there is no such page')
  }
  const write = async ({ path }: RequestTarget, request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const act = { '/control/drain': desk.drain, '/control/give-back': desk.giveBack }[path]
    if (act === undefined) throw new Refused(404, 'there is no such page')
    if (expected === undefined) throw new Refused(403, 'this board is read-only (start rx-discovery ui with --allow-override)')
    const given = request.headers['x-rx-discovery-token']
    if (typeof given !== 'string' || !timingSafeEqual(hashOf(given), expected)) throw new Refused(401, 'the token is missing or wrong (open the address that rx-discovery ui has printed)')
    await firstValueFrom(act(await bodyOf(request)), { defaultValue: undefined })
    json(response, {})
  }
  return (request, response) => {
    for (const [name, value] of Object.entries(security)) response.setHeader(name, value)
    const refusal = requestRefusal(request, names)
    if (refusal !== undefined) {
      text(response, 403, refusal)
      return
    }
    const target = requestTarget(request.url)
    if (target.path === '/discovery') {
      discovery(request, response)
      return
    }
    const isRead = request.method === 'GET' || request.method === 'HEAD'
    if (!isRead && request.method !== 'POST') {
      text(response, 405, 'only GET and POST are served')
      return
    }
    const work = isRead ? read(target, response) : write(target, request, response)
    work.catch((thrown: unknown) => {
      const error = toError(thrown)
      // Messages of etcd may name hosts; they are for the terminal.
      if (error instanceof Refused) text(response, error.status, error.message)
      else if (error instanceof InvalidArgument) text(response, 400, error.message)
      else text(response, 503, `etcd does not answer (${error.name})`)
    })
  }
}
