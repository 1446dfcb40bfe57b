import { connect, constants, createServer, type ClientHttp2Stream, type Http2Session, type IncomingHttpHeaders, type ServerHttp2Stream } from 'node:http2'
import { freePort } from './provision-binary.js'

/** A proxy that can delay single calls; a TCP proxy sees only their common connection. */
export interface GrpcProxy {
  readonly endpoint: string
  /** Delays etcd's answers to calls whose path ends with `method`, until the returned function is called. */
  readonly delay: (method: string) => () => void
  readonly close: () => Promise<void>
}

/** Opens a gRPC proxy to `target`, an endpoint such as `http://127.0.0.1:2379`. */
export const grpcProxy = async (target: string): Promise<GrpcProxy> => {
  const delayed = new Set<string>()
  const answers = new Map<ClientHttp2Stream, string>()
  const sessions = new Set<Http2Session>()
  const isDelayed = (path: string): boolean => [...delayed].some(method => path.endsWith(method))

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
      if (isDelayed(path)) call.pause()
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
    delay: method => {
      delayed.add(method)
      const matching = (): ClientHttp2Stream[] => [...answers].flatMap(([call, path]) => (path.endsWith(method) ? [call] : []))
      matching().forEach(call => call.pause())
      return () => {
        delayed.delete(method)
        matching().forEach(call => call.resume())
      }
    },
    close: () => {
      sessions.forEach(session => session.destroy())
      return new Promise(resolve => server.close(() => resolve()))
    },
  }
}
