import { context, SpanKind, SpanStatusCode, trace, type Attributes, type Context, type Meter, type Span, type Tracer } from '@opentelemetry/api'
import { splitAddress } from '../../core/instance/address.js'
import type { DiagnosticMessages } from '../../flow/channels.js'
import { buckets } from './buckets.js'
import { errorType } from './error-type.js'
import type { ServerAddresses } from './server-addresses.js'

type Message = DiagnosticMessages['rx-discovery:call']

/** The spans and the metrics of balanced calls. */
export const callTelemetry = (meter: Meter, tracer: Tracer, addresses: ServerAddresses) => {
  const duration = meter.createHistogram('rx_discovery.call.duration', { unit: 's', description: 'Tries of balanced calls, from beginning to end.', advice: buckets })
  const retries = meter.createCounter('rx_discovery.call.retries', { unit: '{retry}', description: 'Tries of balanced calls after the first one.' })
  const refusals = meter.createCounter('rx_discovery.call.refused_retries', { unit: '{retry}', description: 'Retries that the retry budget has refused.' })
  const ejections = meter.createCounter('rx_discovery.ejections', { unit: '{ejection}', description: 'How often a balancer has ejected an instance.' })

  const spans = new WeakMap<Message, Span>()
  /** Where each call was made: its second try begins inside the first one, if that was an Observable. */
  const parents = new WeakMap<object, Context>()
  const attributesOf = (service: string): Attributes => ({ 'rx_discovery.service': service, 'server.address': addresses.of(service) })

  const begin = (message: Message): void => {
    const { call, attempt, instance } = message
    const attributes = attributesOf(instance.service)
    if (attempt > 1) retries.add(1, attributes)
    const parent = parents.get(call) ?? context.active()
    parents.set(call, parent)
    const { host, port } = splitAddress(instance.address)
    const peer = { 'network.peer.address': host, 'network.peer.port': port, 'rx_discovery.call.attempt': attempt }
    const span = tracer.startSpan(`call ${instance.service}`, { kind: SpanKind.CLIENT, attributes: { ...attributes, ...peer } }, parent)
    spans.set(message, span)
    const { within } = message
    message.within = make => within(() => context.with(trace.setSpan(parent, span), make))
  }

  const end = (message: Message, result: NonNullable<Message['result']>): void => {
    const { instance, error, duration: ms = 0, refused } = message
    const attributes = attributesOf(instance.service)
    const outcome = { 'rx_discovery.call.result': result, ...(error !== undefined && { 'error.type': errorType(error) }) }
    duration.record(ms / 1000, { ...attributes, ...outcome })
    if (refused === true) refusals.add(1, attributes)
    const span = spans.get(message)
    span?.setAttributes(outcome)
    if (error !== undefined) span?.setStatus({ code: SpanStatusCode.ERROR })
    span?.end()
  }

  return {
    call: (message: Message): void => (message.result === undefined ? begin(message) : end(message, message.result)),
    ejection: ({ instance }: DiagnosticMessages['rx-discovery:ejection']): void => ejections.add(1, attributesOf(instance.service)),
  }
}
