import type { IncomingMessage, ServerResponse } from 'node:http'
import { InvalidArgument, toError } from '../../../core/errors.js'
import { requestTarget, type RequestTarget } from '../../../core/wire/request-target.js'
import { boardIcon, boardPageStyles } from './board-page.js'
import { Refused } from './refused.js'
import { requestRefusal } from './request-guard.js'

/** The body of an answer, and its type. */
export type Answer = readonly [type: string, body: string | Buffer]

/** What the server of a board serves besides the page. */
export interface BoardRoutes {
  /** Answers a GET or a HEAD; `undefined`: there is no such page. Rejects with `Refused`, `InvalidArgument`, or because etcd does not answer. */
  readonly read: (target: RequestTarget) => Promise<Answer | undefined>
  /** Answers a POST in the same way. @default there is nothing to post */
  readonly write?: (target: RequestTarget, request: IncomingMessage) => Promise<Answer | undefined>
  /** Answers every request for `/discovery` itself. @default there is no such page */
  readonly discovery?: (request: IncomingMessage, response: ServerResponse) => void
}

/** The page of a board. */
export interface BoardHandlerOptions {
  /** The document. */
  readonly page: string
  /** The board in one file. */
  readonly script: Buffer
  /** The names by which it may be asked, besides those of the loopback; in lower case. */
  readonly names: readonly string[]
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

/** The requests of a board: the page and what belongs to it, and its routes. Other websites are refused. */
export const boardHandler = ({ page, script, names }: BoardHandlerOptions, { read, write, discovery }: BoardRoutes): ((request: IncomingMessage, response: ServerResponse) => void) => {
  const answer = (response: ServerResponse, status: number, [type, body]: Answer): void => {
    response.writeHead(status, { 'content-type': type, 'cache-control': 'no-store' }).end(body)
  }
  const text = (response: ServerResponse, status: number, message: string): void => answer(response, status, ['text/plain; charset=utf-8', `${message}\n`])

  const files: Readonly<Record<string, Answer>> = {
    '/': ['text/html; charset=utf-8', page],
    '/board.js': ['text/javascript; charset=utf-8', script],
    '/page.css': ['text/css; charset=utf-8', boardPageStyles],
    '/icon.svg': ['image/svg+xml', boardIcon],
  }
  const answerTo = async (target: RequestTarget, request: IncomingMessage): Promise<Answer> => {
    const { method } = request
    const isRead = method === 'GET' || method === 'HEAD'
    if (!isRead && method !== 'POST') throw new Refused(405, 'only GET and POST are served')
    const found = isRead ? (files[target.path] ?? (await read(target))) : await write?.(target, request)
    if (found === undefined) throw new Refused(404, 'there is no such page')
    return found
  }
  return (request, response) => {
    for (const [name, value] of Object.entries(security)) response.setHeader(name, value)
    const refusal = requestRefusal(request, names)
    if (refusal !== undefined) {
      text(response, 403, refusal)
      return
    }
    const target = requestTarget(request.url)
    if (target.path === '/discovery' && discovery !== undefined) {
      discovery(request, response)
      return
    }
    answerTo(target, request).then(
      found => answer(response, 200, found),
      (thrown: unknown) => {
        const error = toError(thrown)
        // Messages of etcd may name hosts; they are for the terminal.
        if (error instanceof Refused) text(response, error.status, error.message)
        else if (error instanceof InvalidArgument) text(response, 400, error.message)
        else text(response, 503, `etcd does not answer (${error.name})`)
      },
    )
  }
}
