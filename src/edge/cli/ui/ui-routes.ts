import { createHash, timingSafeEqual } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { firstValueFrom, map, merge } from 'rxjs'
import { isRecord } from '../../../core/instance/json.js'
import type { RequestTarget } from '../../../core/wire/request-target.js'
import { background, timer } from '../../../flow/clock.js'
import type { Registry } from '../../../flow/registry.js'
import type { SseHandler } from '../../sse/index.js'
import type { Answer, BoardRoutes } from './board-handler.js'
import type { FleetHistory } from './fleet-history.js'
import type { DeskRequest, OverrideDesk } from './override-desk.js'
import { Refused } from './refused.js'

/** What the board of `rx-discovery ui` reads and does. */
export interface UiRoutesOptions {
  readonly registry: Registry
  readonly discovery: SseHandler
  readonly history: FleetHistory
  readonly desk: OverrideDesk
  /** A request with this token may override; `undefined`: none may. */
  readonly token: string | undefined
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

const json = (value: unknown): Answer => ['application/json', JSON.stringify(value)]

/** The bridge, the recording, and the control of operators. */
export const uiRoutes = ({ registry, discovery, history, desk, token }: UiRoutesOptions): BoardRoutes => {
  const expected = token === undefined ? undefined : hashOf(token)
  const recording = async (): Promise<Answer> => {
    // A page that is opened at once gets the past as well.
    const isRead = await firstValueFrom(merge(history.caughtUp.pipe(map(() => true)), timer(longestWait, background).pipe(map(() => false))), { defaultValue: false })
    if (!isRead) throw new Refused(503, 'the past is not read yet')
    return ['application/x-ndjson; charset=utf-8', history.text()]
  }
  return {
    discovery,
    read: async ({ path, query }) => {
      if (path === '/recording') return recording()
      if (path === '/control/overrides') return json({ allowed: expected !== undefined, overrides: desk.overrides(), journal: desk.journal() })
      return path === '/control/remaining' ? json(await firstValueFrom(registry.remaining(leaseIn(query)), { defaultValue: null })) : undefined
    },
    write: async ({ path }: RequestTarget, request: IncomingMessage) => {
      const act = { '/control/drain': desk.drain, '/control/give-back': desk.giveBack }[path]
      if (act === undefined) return undefined
      if (expected === undefined) throw new Refused(403, 'this board is read-only (start rx-discovery ui with --allow-override)')
      const given = request.headers['x-rx-discovery-token']
      if (typeof given !== 'string' || !timingSafeEqual(hashOf(given), expected)) throw new Refused(401, 'the token is missing or wrong (open the address that rx-discovery ui has printed)')
      await firstValueFrom(act(await bodyOf(request)), { defaultValue: undefined })
      return json({})
    },
  }
}
