import type { CallOptions } from '@grpc/grpc-js'
import type { Etcd3 } from 'etcd3'
import type { Observable } from 'rxjs'
import type { Paging } from '../range/page-size.js'

/** The raw clients of etcd3 that we drive. */
export type RawClient = Pick<Etcd3, 'kv' | 'leaseClient' | 'watchClient'>

/** A gRPC stream as etcd3 hands it out. */
export interface RawStream<Req, Res> {
  readonly write: (request: Req) => unknown
  readonly end: () => unknown
  readonly cancel: () => void
  readonly on: ((event: 'data', listener: (response: Res) => void) => unknown) &
    ((event: 'error', listener: (error: Error) => void) => unknown) &
    ((event: 'end', listener: () => void) => unknown)
}

/** One etcd member, through a client of its own, so that we know who answers. */
export interface Member {
  /** As the user wrote it; never with credentials. */
  readonly host: string
  readonly paging: Paging
  /** Emits once it is back, if it is away; never otherwise. */
  readonly returned: Observable<unknown>
  /**
   * One unary call: our deadline, `hasleader`, the token renewed, the cluster compared; held while the member is down, cancelled on unsubscribe;
   * where many wait, the `last` ones go after all others.
   * Errors are the registry's (`Disconnected` …) or, for an answer that the caller must understand, the class of etcd3.
   */
  readonly call: <T>(run: (client: RawClient, options: CallOptions) => Promise<T>, options?: { readonly deadline?: number; readonly last?: boolean }) => Observable<T>
  /** One duplex stream: writes what `requests` emits, emits responses, errors once when the stream breaks or ends; closed on unsubscribe. */
  readonly stream: <Req, Res>(
    open: (client: RawClient, options: CallOptions) => Promise<RawStream<Req, Res>>,
    requests: Observable<Req>,
  ) => Observable<Res>
}

/** The members of one cluster. */
export interface Members {
  /** Runs `call` on the member in use; when it errors as an outage, the next call goes to another one. */
  readonly on: <T>(call: (member: Member) => Observable<T>) => Observable<T>
  readonly all: readonly Member[]
  /** Emits whenever one that is away is back. */
  readonly returned: Observable<unknown>
  readonly close: () => void
}
