import type { Attributes, Meter } from '@opentelemetry/api'
import { asyncScheduler } from 'rxjs'
import type { Registered, Registration } from '../../core/register/registration.js'
import type { DiagnosticMessages } from '../../flow/channels.js'
import { buckets } from './buckets.js'
import { errorType } from './error-type.js'
import type { ServerAddresses } from './server-addresses.js'

type Message = DiagnosticMessages['rx-discovery:registration']

/** What was counted of a registration. */
interface Counted {
  readonly status: Registration['status']
  readonly service: string
  readonly attributes: Attributes
  readonly renewals: number
}

const leased = (registration: Registration): Registered | undefined => ('leaseId' in registration ? registration : undefined)

/** The metrics of what `register` holds. `stop` takes back what was counted. */
export const registrationMetrics = (meter: Meter, addresses: ServerAddresses) => {
  const runs = new Map<Message['run'], Counted>()
  const registrations = meter.createUpDownCounter('rx_discovery.registrations', { unit: '{registration}', description: 'Registrations of this process, by status.' })
  const losses = meter.createCounter('rx_discovery.registration.losses', { unit: '{loss}', description: 'How often a registration was lost, by reason.' })
  const renewal = meter.createHistogram('rx_discovery.lease.renewal.duration', { unit: 's', description: 'From the request to renew a lease to the answer.', advice: buckets })

  const drop = (run: Message['run']): void => {
    const counted = runs.get(run)
    if (counted === undefined) return
    registrations.add(-1, { ...counted.attributes, 'rx_discovery.registration.status': counted.status })
    runs.delete(run)
  }

  return {
    registration: ({ run, registry, registration }: Message): void => {
      const before = runs.get(run)
      drop(run)
      if (registration === undefined) return
      const { service } = run
      const { status } = registration
      addresses.learn(service, registry)
      const attributes: Attributes = { 'rx_discovery.service': service, 'server.address': addresses.of(service, registry) }
      const { renewals = 0, expiresAt = 0, ttl = 0 } = leased(registration) ?? {}
      registrations.add(1, { ...attributes, 'rx_discovery.registration.status': status })
      runs.set(run, { status, service, attributes, renewals })
      if (registration.status === 'lost' && before?.status !== 'lost') losses.add(1, { ...attributes, 'error.type': errorType(registration.cause) })
      // A lease expires its TTL after the request that renewed it was sent.
      if (renewals > (before?.renewals ?? 0)) renewal.record(Math.max(0, asyncScheduler.now() - expiresAt + ttl * 1000) / 1000, attributes)
    },
    stop: (): void => [...runs.keys()].forEach(drop),
  }
}
