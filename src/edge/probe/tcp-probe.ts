import { either as E, function as F } from 'fp-ts'
import { connect } from 'node:net'
import { Observable, throwError } from 'rxjs'
import type { ServiceInstance } from '../../core/instance/instance.js'
import { hostPortOf, type HostPort } from '../../core/instance/endpoint.js'

/** Options of {@link tcpProbe}. */
export interface TcpProbeOptions {
  /** The name of the endpoint to connect to, `host:port` or a URL. @default the instance's address */
  readonly endpoint?: string
}

const accepts = (target: HostPort): Observable<never> =>
  new Observable(subscriber => {
    const socket = connect(target)
    socket.on('connect', () => subscriber.complete())
    socket.on('error', error => subscriber.error(error))
    return () => socket.destroy()
  })

/** A check that completes once a connection is accepted, and closes it; errors with what the system says, and with `InvalidArgument` without such an endpoint. */
export const tcpProbe =
  ({ endpoint }: TcpProbeOptions = {}): (<M>(instance: ServiceInstance<M>) => Observable<never>) =>
  instance =>
    F.pipe(
      hostPortOf(instance, endpoint),
      E.match(wrong => throwError(() => wrong), accepts),
    )
