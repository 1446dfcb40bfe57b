import { status as codes, type Client } from '@grpc/grpc-js'
import { distinctUntilChanged, map, Observable, of, throwError } from 'rxjs'
import { Writable } from 'node:stream'
import { backoff as backoffCheck, invalidArguments, invalidOptions, text } from '../../core/arguments.js'
import { exponential, type Backoff } from '../../core/backoff.js'
import { InvalidArgument } from '../../core/errors.js'
import type { Status } from '../../core/instance/instance.js'
import { must, quotedValue } from '../../core/validation.js'
import { recover } from '../../flow/recover.js'
import { decodeResponse, encodeRequest, servingStatuses, type ServingStatus } from './health-messages.js'

/** The handlers of the health service, as `server.addService` takes them. */
export interface HealthHandlers {
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- each code generator has its own types of calls
  readonly watch: (call: any) => void
}

/** The health service of a server in this process, such as `HealthImplementation` of `grpc-health-check`. */
export interface HealthService {
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- as above
  readonly addToServer: (server: any) => void
}

/** Options of {@link grpcHealth}. */
export interface GrpcHealthOptions {
  /** The gRPC service whose health to watch. @default '' (the server as a whole) */
  readonly service?: string
  /** Pauses before the next try when the watch has ended. @default exponential() */
  readonly backoff?: Backoff
}

type Stub = Pick<Client, 'makeServerStreamRequest'>

const statusOf: Readonly<Record<ServingStatus, Status>> = { SERVING: 'up', NOT_SERVING: 'down', UNKNOWN: 'starting', SERVICE_UNKNOWN: 'starting' }

const identity = (bytes: Buffer): Buffer => bytes

const ended = (): Error => new Error('grpc.health.v1.Health/Watch has ended (a server must keep it open)')

const watchedBy = (stub: Stub, service: string): Observable<ServingStatus> =>
  new Observable(subscriber => {
    const call = stub.makeServerStreamRequest('/grpc.health.v1.Health/Watch', identity, decodeResponse, encodeRequest(service))
    call.on('data', (status: ServingStatus) => subscriber.next(status))
    call.on('error', error => subscriber.error(error))
    call.on('end', () => subscriber.error(ended()))
    return () => call.cancel()
  })

/** A response as its code generator has it: with the name of the status, or with its number. */
const statusIn = (response: unknown): ServingStatus => {
  const status = (response as { readonly status?: unknown } | null)?.status ?? 0
  const found = servingStatuses.find((name, number) => name === status || number === status)
  if (found === undefined) throw new Error(`the response must have a status of grpc.health.v1.HealthCheckResponse, got ${quotedValue(status)}`)
  return found
}

const handlersOf = (source: HealthHandlers | HealthService): HealthHandlers => {
  if (!('addToServer' in source)) return source
  const found: HealthHandlers[] = []
  source.addToServer({ addService: (_: unknown, handlers: HealthHandlers) => found.push(handlers) })
  const [handlers] = found
  if (handlers === undefined) throw new InvalidArgument('source', 'must call addService of the server that addToServer is given')
  return handlers
}

/** Calls the handler as a server would, without a connection. */
const handledBy = (source: HealthHandlers | HealthService, service: string): Observable<ServingStatus> =>
  new Observable(subscriber => {
    const call = new Writable({
      objectMode: true,
      write: (response: unknown, _, done) => {
        try {
          subscriber.next(statusIn(response))
        } catch (error) {
          subscriber.error(error)
        }
        done()
      },
    })
    call.on('error', error => subscriber.error(error))
    call.on('finish', () => subscriber.error(ended()))
    handlersOf(source).watch(Object.assign(call, { request: { service }, cancelled: false }))
    return () => {
      Object.assign(call, { cancelled: true }).emit('cancelled', 'cancelled')
      call.destroy()
    }
  })

const isFinal = (error: Error): boolean => error instanceof InvalidArgument || (error as { readonly code?: unknown }).code === codes.UNIMPLEMENTED

const isStub = (value: unknown): value is Stub => typeof (value as Partial<Stub> | null)?.makeServerStreamRequest === 'function'

const isSource = (value: unknown): boolean =>
  typeof value === 'object' && value !== null && (isStub(value) || ['addToServer', 'watch'].some(name => typeof (value as Readonly<Record<string, unknown>>)[name] === 'function'))

const sourceCheck = must(isSource, 'be a Client of @grpc/grpc-js, or an implementation of grpc.health.v1.Health', 'such as new HealthImplementation() of grpc-health-check')

/**
 * The health that a gRPC server reports by the standard health service (`grpc.health.v1.Health/Watch`), for the option `health` of `register`: `up` for
 * SERVING, `down` for NOT_SERVING, `starting` for UNKNOWN and SERVICE_UNKNOWN. `source` is any client of the server, or the implementation that the server
 * in this process uses. If the watch ends, the status is `down` until the next one answers. It does not close the client. Errors with `InvalidArgument`, and
 * if the server does not implement the service.
 *
 * @example register(registry, instance, { health: grpcHealth(new HealthImplementation({ '': 'NOT_SERVING' })) })
 */
export const grpcHealth = (source: Stub | HealthHandlers | HealthService, options?: GrpcHealthOptions): Observable<Status> => {
  const wrong =
    invalidArguments('grpcHealth(source, options)', ['source', sourceCheck, source]) ??
    invalidOptions('grpcHealth', options, { service: text, backoff: backoffCheck })
  if (wrong !== undefined) return throwError(() => wrong)
  const { service = '', backoff = exponential() } = options ?? {}
  return (isStub(source) ? watchedBy(source, service) : handledBy(source, service)).pipe(
    map(status => statusOf[status]),
    recover({ backoff, fatal: isFinal, interrupted: () => of('down' as const) }),
    distinctUntilChanged(),
  )
}
