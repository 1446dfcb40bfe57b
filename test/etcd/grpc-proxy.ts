import { connect, constants, createServer, type ClientHttp2Stream, type Http2Session, type IncomingHttpHeaders, type ServerHttp2Stream } from 'node:http2'
import { freePort } from './provision-binary.js'

/** A proxy that knows one call from another, where a TCP proxy sees one connection. */
export interface GrpcProxy {
  readonly endpoint: string
  /** Holds back what etcd answers to calls whose path ends so, until released. */
  readonly hold: (method: string) => () => void
  readonly close: () => Promise<void>
}

/** Opens a gRPC proxy to `target`, an endpoint such as `http://127.0.0.1:2379`. */
export const grpcProxy = async (target: string): Promise<GrpcProxy> => {
  const held = new Set<string>()
  const answers = new Map<ClientHttp2Stream, string>()
  const sessions = new Set<Http2Session>()
  const isHeld = (path: string): boolean => [...held].some(method => path.endsWith(method))

  const forward = (upstream: ReturnType<typeof connect>, stream: ServerHttp2Stream, headers: IncomingHttpHeaders): void => {
    const path = headers[':path'] ?? ''
    const call = upstream.request(headers, { endStream: false })
    let trailers: IncomingHttpHeaders = {}
    answers.set(call, path)
    call.on('response', (response, flags) => {
      if (stream.destroyed) return
      const ended = (flags & constants.NGHTTP2_FLAG_END_STREAM) !== 0
      stream.respond(response, { endStream: ended, waitForTrailers: !ended })
      call.on('data', (chunk: Buffer) => stream.destroyed || stream.write(chunk))
      call.on('end', () => stream.destroyed || stream.end())
      if (isHeld(path)) call.pause()
    })
    call.on('trailers', (received: IncomingHttpHeaders) => {
      trailers = received
    })
    stream.on('wantTrailers', () => stream.sendTrailers(trailers))
    stream.on('data', (chunk: Buffer) => call.destroyed || call.write(chunk))
    stream.on('end', () => call.destroyed || call.end())
    stream.on('close', () => {
      answers.delete(call)
      call.close(constants.NGHTTP2_CANCEL)
    })
    call.on('error', () => stream.close(constants.NGHTTP2_INTERNAL_ERROR))
    stream.on('error', () => call.close(constants.NGHTTP2_CANCEL))
  }

  const server = createServer()
  server.on('session', session => {
    const upstream = connect(target)
    const ends = [session, upstream] as const
    for (const end of ends) {
      sessions.add(end)
      end.on('error', () => undefined)
      end.on('close', () => {
        sessions.delete(end)
        ends.forEach(other => other.destroy())
      })
    }
    session.on('stream', (stream, headers) => forward(upstream, stream, headers))
  })
  const port = await freePort()
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(port, '127.0.0.1', resolve))
  return {
    endpoint: `http://127.0.0.1:${port}`,
    hold: method => {
      held.add(method)
      const mine = (): ClientHttp2Stream[] => [...answers].flatMap(([call, path]) => (path.endsWith(method) ? [call] : []))
      mine().forEach(call => call.pause())
      return () => {
        held.delete(method)
        mine().forEach(call => call.resume())
      }
    },
    close: () => {
      sessions.forEach(session => session.destroy())
      return new Promise(resolve => server.close(() => resolve()))
    },
  }
}
