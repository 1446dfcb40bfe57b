import { Client, credentials as channelCredentials, type ChannelCredentials, type ChannelOptions } from '@grpc/grpc-js'
import { either as E, function as F } from 'fp-ts'
import { Observable, throwError } from 'rxjs'
import type { ServiceInstance } from '../../core/instance/instance.js'
import { hostPortOf, type HostPort } from '../../core/instance/endpoint.js'
import { request, statusIn } from './health-messages.js'

/** Options of {@link grpcProbe}. */
export interface GrpcProbeOptions {
  /** Whose health the server is asked for. @default '', the server's own */
  readonly service?: string
  /** The name of the endpoint to ask, `host:port` or a URL. @default the instance's address */
  readonly endpoint?: string
  /** @default without TLS */
  readonly credentials?: ChannelCredentials
  /** Options of the channel. @default {} */
  readonly channel?: ChannelOptions
}

// A channel of its own, which goes when the check does: a shared one would be in a backoff of an earlier check, or kept for ten seconds more.
const own: ChannelOptions = { 'grpc.use_local_subchannel_pool': 1, 'grpc.service_config_disable_resolution': 1 }

const itself = (bytes: Buffer): Buffer => bytes

const targetOf = ({ host, port }: HostPort): string => `dns:${host.includes(':') ? `[${host}]` : host}:${port}`

const serves = (target: string, service: string, credentials: ChannelCredentials, options: ChannelOptions): Observable<'SERVING'> =>
  new Observable(subscriber => {
    const client = new Client(target, credentials, options)
    const call = client.makeUnaryRequest('/grpc.health.v1.Health/Check', itself, statusIn, request(service), (error, status) => {
      if (error !== null) subscriber.error(error)
      else if (status !== 'SERVING') subscriber.error(new Error(`${target} answered ${status ?? 'nothing'}`))
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

/**
 * A check by the gRPC health checking protocol (`grpc.health.v1.Health/Check`): emits `SERVING` when that is the answer; errors otherwise, also when the
 * server does not know the protocol, and with `InvalidArgument` without such an endpoint.
 */
export const grpcProbe =
  ({ service = '', endpoint, credentials = channelCredentials.createInsecure(), channel = {} }: GrpcProbeOptions = {}): (<M>(
    instance: ServiceInstance<M>,
  ) => Observable<'SERVING'>) =>
  instance =>
    F.pipe(
      hostPortOf(instance, endpoint),
      E.match(wrong => throwError(() => wrong), target => serves(targetOf(target), service, credentials, { ...own, ...channel })),
    )
