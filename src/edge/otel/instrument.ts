import { metrics, trace, type MeterProvider, type TracerProvider } from '@opentelemetry/api'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { Subscription } from 'rxjs'
import { invalidOptions, type Checks } from '../../core/arguments.js'
import { must, throwIfInvalid } from '../../core/validation.js'
import type { DiagnosticMessages } from '../../flow/channels.js'
import { callTelemetry } from './call-telemetry.js'
import { discoveryMetrics } from './discovery-metrics.js'
import { registrationMetrics } from './registration-metrics.js'
import { serverAddresses } from './server-addresses.js'

/** Options of {@link instrument}. */
export interface InstrumentOptions {
  /** Where the metrics go. @default the global one, as of the call */
  readonly meterProvider?: MeterProvider | undefined
  /** Where the spans go. @default the global one */
  readonly tracerProvider?: TracerProvider | undefined
}

const having = (method: string) => (value: unknown): boolean => typeof (value as Readonly<Record<string, unknown>> | null)?.[method] === 'function'

const checks: Checks<InstrumentOptions> = {
  meterProvider: must(having('getMeter'), "be a MeterProvider, such as that of '@opentelemetry/sdk-metrics'"),
  tracerProvider: must(having('getTracer'), "be a TracerProvider, such as that of '@opentelemetry/sdk-trace-node'"),
}

/**
 * Reports what the library does in this process, as metrics and spans of OpenTelemetry: sets, watches, registrations and balanced calls, whoever makes them. Call it after
 * the SDK has started, and before `discover` and `register` are subscribed: what has begun before is reported from its next change on. Unsubscribe to end it.
 *
 * @throws `InvalidArgument` if an option is not a provider.
 * @example const telemetry = instrument({ meterProvider, tracerProvider })
 */
export const instrument = (options?: InstrumentOptions): Subscription => {
  throwIfInvalid(invalidOptions('instrument', options, checks))
  const { meterProvider = metrics.getMeterProvider(), tracerProvider = trace.getTracerProvider() } = options ?? {}
  const instrumentation = new Subscription()
  const on = <Name extends keyof DiagnosticMessages>(name: Name, listener: (message: DiagnosticMessages[Name]) => void): void => {
    const receive = (message: unknown): void => listener(message as DiagnosticMessages[Name])
    subscribe(name, receive)
    instrumentation.add(() => unsubscribe(name, receive))
  }

  const meter = meterProvider.getMeter('rx-discovery')
  const addresses = serverAddresses(instrumentation)
  const discovery = discoveryMetrics(meter, addresses)
  const registrations = registrationMetrics(meter, addresses)
  const calls = callTelemetry(meter, tracerProvider.getTracer('rx-discovery'), addresses)

  on('rx-discovery:sets', discovery.sets)
  on('rx-discovery:list-watch', discovery.listWatch)
  on('rx-discovery:registration', registrations.registration)
  on('rx-discovery:call', calls.call)
  on('rx-discovery:ejection', calls.ejection)
  instrumentation.add(discovery.stop)
  instrumentation.add(registrations.stop)
  return instrumentation
}
