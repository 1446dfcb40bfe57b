import { Metadata, status, type experimental } from '@grpc/grpc-js'
import { fleetAttribute, type Fleet } from './fleet.js'

/** The listener of grpc-js from 1.14 on. */
type Callback = (
  endpoints: { readonly ok: true; readonly value: experimental.Endpoint[] } | { readonly ok: false; readonly error: { readonly code: status; readonly details: string; readonly metadata: Metadata } },
  attributes: Readonly<Record<string, unknown>>,
  serviceConfig: null,
  note: string,
) => boolean

/** The listener of grpc-js up to 1.13. */
interface Methods {
  onSuccessfulResolution(endpoints: experimental.Endpoint[], config: null, configError: null, configSelector: null, attributes: Readonly<Record<string, unknown>>): void
  onError(error: { readonly code: status; readonly details: string; readonly metadata: Metadata }): void
}

/** The listener that grpc-js gives to a resolver: a function, or an object in the versions before. */
export type ResolutionListener = Callback | Methods

const unavailable = (details: string) => ({ code: status.UNAVAILABLE, details, metadata: new Metadata() })

/** Reports a fleet. The policies of gRPC itself see the endpoints of the instances that are up. */
export const resolved = (listener: ResolutionListener, fleet: Fleet): void => {
  const { set, endpoints: byId, shortage } = fleet
  const endpoints = [...byId].filter(([id]) => set.get(id)?.status === 'up').map(([, endpoint]) => endpoint)
  const attributes = { [fleetAttribute]: fleet }
  if (typeof listener === 'function') listener({ ok: true, value: endpoints }, attributes, null, shortage)
  else listener.onSuccessfulResolution(endpoints, null, null, null, attributes)
}

/** Reports why there is nothing to call. gRPC keeps what it has, and if it has nothing, calls fail with this status. */
export const unresolved = (listener: ResolutionListener, details: string): void => {
  if (typeof listener === 'function') listener({ ok: false, error: unavailable(details) }, {}, null, details)
  else listener.onError(unavailable(details))
}
