import { request as ask } from 'node:http'
import { bridgeServer, isStream } from '../edge/sse/bridge-server.js'

/** A response of events that has passed. */
export interface Passed {
  /** Whether it is a stream, or the answer to a question such as `?list`, which ends. */
  readonly isStream: boolean
  /** The gateway that has served it. */
  readonly gateway: string
  readonly lastEventId: string | undefined
  /** All that has passed so far, as it was on the wire. */
  readonly text: () => string
}

/** A proxy before gateways, which a page takes for one of them. */
export interface Front {
  readonly url: string
  /** The gateway that gets the requests from now on. */
  readonly to: (gateway: string) => void
  readonly passed: () => readonly Passed[]
  readonly close: () => Promise<void>
}

/** Opens a proxy to the gateway at `first`, such as `http://127.0.0.1:3000/`. */
export const frontOf = async (first: string): Promise<Front> => {
  let gateway = first
  const passed: Passed[] = []
  const server = await bridgeServer((request, response) => {
    const { headers, method = '' } = request
    const url = new URL(request.url ?? '/', gateway)
    const forwarded = ask(url, { method, headers }, answer => {
      response.writeHead(answer.statusCode ?? 502, answer.headers)
      if (answer.headers['content-type']?.startsWith('text/event-stream') === true) {
        const chunks: Buffer[] = []
        const id = headers['last-event-id']
        passed.push({ isStream: isStream({ method, url }), gateway, lastEventId: typeof id === 'string' ? id : undefined, text: () => Buffer.concat(chunks).toString() })
        answer.on('data', (chunk: Buffer) => chunks.push(chunk))
      }
      answer.on('error', () => response.destroy())
      answer.pipe(response)
    })
    forwarded.on('error', () => (response.headersSent ? response.destroy() : response.writeHead(502).end()))
    response.on('close', () => forwarded.destroy())
    request.pipe(forwarded)
  })
  return { url: new URL('/', server.url).href, to: next => (gateway = next), passed: () => passed, close: server.close }
}
