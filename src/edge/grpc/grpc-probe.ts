import { ChannelCredentials, Client, credentials as channelCredentials, type ChannelOptions } from '@grpc/grpc-js'
import { either as E, function as F } from 'fp-ts'
import { Observable, throwError } from 'rxjs'
import { invalidOptions, anObject, text } from '../../core/arguments.js'
import { must, secret, throwIfInvalid } from '../../core/validation.js'
import type { ServiceInstance } from '../../core/instance/instance.js'
import { hostPortOf, type HostPort } from '../../core/instance/endpoint.js'
import { probeFactory } from '../../flow/operators/probe-factories.js'
import { decodeResponse, encodeRequest } from './health-messages.js'

/** Options of {@link grpcProbe}. */
export interface GrpcProbeOptions {
  /** The gRPC service whose health to request. @default '' (the server as a whole) */
  readonly service?: string
  /** The name of the endpoint to request; the endpoint is `host:port` or a URL. @default the address of the instance */
  readonly endpoint?: string
  /** The credentials of the channel. @default without TLS */
  readonly credentials?: ChannelCredentials
  /** Options of the channel, as in grpc-js. @default {} */
  readonly channel?: ChannelOptions
}

// Each check has a channel of its own. A shared one could still be in the backoff of an earlier check, and would stay open for ten more seconds.
const ownChannel: ChannelOptions = { 'grpc.use_local_subchannel_pool': 1, 'grpc.service_config_disable_resolution': 1 }

const identity = (bytes: Buffer): Buffer => bytes

const targetOf = ({ host, port }: HostPort): string => `dns:${host.includes(':') ? `[${host}]` : host}:${port}`

const requireServing = (target: string, service: string, credentials: ChannelCredentials, options: ChannelOptions): Observable<'SERVING'> =>
  new Observable(subscriber => {
    const client = new Client(target, credentials, options)
    const call = client.makeUnaryRequest('/grpc.health.v1.Health/Check', identity, decodeResponse, encodeRequest(service), (error, status) => {
      if (error !== null) subscriber.error(error)
      else if (status !== 'SERVING') subscriber.error(new Error(`${target} answered ${status ?? 'without a status'} for ${service === '' ? 'the server' : `service ${service}`}, not SERVING`))
      else {
        subscriber.next(status)
        subscriber.complete()
      }
    })
    return () => {
      call.cancel()
      client.close()
    }
  })

const credentialsCheck = secret(must(value => value instanceof ChannelCredentials, 'be ChannelCredentials of @grpc/grpc-js', 'such as credentials.createSsl()'))

/**
 * A check by the gRPC health checking protocol (`grpc.health.v1.Health/Check`) for `probe`. It emits `SERVING` if the server answers that; it errors
 * otherwise, also if the server does not implement the protocol, or with `InvalidArgument` if the instance has no such endpoint. Throws
 * `InvalidArgument` if an option is wrong.
 *
 * @example discover(registry, 'web').pipe(probe(grpcProbe()))
 */
export const grpcProbe = (options?: GrpcProbeOptions): (<M>(instance: ServiceInstance<M>) => Observable<'SERVING'>) => {
  throwIfInvalid(invalidOptions<GrpcProbeOptions>('grpcProbe', options, { service: text, endpoint: text, credentials: credentialsCheck, channel: anObject }))
  const { service = '', endpoint, credentials = channelCredentials.createInsecure(), channel = {} } = options ?? {}
  return instance =>
    F.pipe(
      hostPortOf(instance, endpoint),
      E.match(wrong => throwError(() => wrong), target => requireServing(targetOf(target), service, credentials, { ...ownChannel, ...channel })),
    )
}

probeFactory(grpcProbe)
