import { either as E, function as F } from 'fp-ts'
import { connect } from 'node:net'
import { Observable, throwError } from 'rxjs'
import { invalidOptions, text } from '../../core/arguments.js'
import { throwIfInvalid } from '../../core/validation.js'
import type { ServiceInstance } from '../../core/instance/instance.js'
import { hostPortOf, type HostPort } from '../../core/instance/endpoint.js'
import { probeFactory } from '../../flow/operators/probe-factories.js'

/** Options of {@link tcpProbe}. */
export interface TcpProbeOptions {
  /** The name of the endpoint to connect to; the endpoint is `host:port` or a URL. @default the address of the instance */
  readonly endpoint?: string
}

const accepts = (target: HostPort): Observable<never> =>
  new Observable(subscriber => {
    const socket = connect(target)
    socket.on('connect', () => subscriber.complete())
    socket.on('error', error => subscriber.error(error))
    return () => socket.destroy()
  })

/**
 * A check by TCP for `probe`. It completes once the connection is accepted, and closes the connection; it errors with the error of the system, such as
 * `ECONNREFUSED`, or with `InvalidArgument` if the instance has no such endpoint. Throws `InvalidArgument` if an option is wrong.
 *
 * @example discover(registry, 'db').pipe(probe(tcpProbe()))
 */
export const tcpProbe = (options?: TcpProbeOptions): (<M>(instance: ServiceInstance<M>) => Observable<never>) => {
  throwIfInvalid(invalidOptions<TcpProbeOptions>('tcpProbe', options, { endpoint: text }))
  return instance =>
    F.pipe(
      hostPortOf(instance, options?.endpoint),
      E.match(wrong => throwError(() => wrong), accepts),
    )
}

probeFactory(tcpProbe)
