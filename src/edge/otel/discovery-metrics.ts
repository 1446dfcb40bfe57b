import type { Attributes, Meter } from '@opentelemetry/api'
import { asyncScheduler } from 'rxjs'
import { statuses } from '../../core/instance/instance.js'
import { pendingSet, type ServiceSet } from '../../core/sets/service-set.js'
import type { DiagnosticMessages } from '../../flow/channels.js'
import { errorType } from './error-type.js'
import type { ServerAddresses } from './server-addresses.js'

type Sets = DiagnosticMessages['rx-discovery:sets']

/** How long ago etcd confirmed a set that is not live, seconds; before the first one, since when it does not answer. */
const stalenessOf = ({ status, asOf, trouble }: ServiceSet, now: number): number => {
  const since = status === 'live' ? now : asOf > 0 ? asOf : (trouble?.since ?? now)
  return Math.max(0, now - since) / 1000
}

/** Of two sets of one service, the one to report. */
const fresher = (a: ServiceSet | undefined, b: ServiceSet): ServiceSet =>
  a === undefined || (a.status === b.status ? a.revision < b.revision : b.status === 'live' || a.status === 'pending') ? b : a

/** The metrics of what `discover` and `catalog` know. `stop` ends them. */
export const discoveryMetrics = (meter: Meter, addresses: ServerAddresses) => {
  const runs = new Map<object, Sets>()
  /** An empty set for each service that was reported: of a service that is not followed any more the SDK would report the last values for ever. */
  const ended = new Map<string, ServiceSet>()
  const instances = meter.createObservableUpDownCounter('rx_discovery.instances', { unit: '{instance}', description: 'Instances of a discovered service, by status.' })
  const rejected = meter.createObservableUpDownCounter('rx_discovery.rejected_entries', { unit: '{entry}', description: 'Entries of a discovered service that cannot be read.' })
  const staleness = meter.createObservableGauge('rx_discovery.staleness', { unit: 's', description: 'Time since etcd confirmed the instances of a service; 0 while they are live.' })
  const relists = meter.createCounter('rx_discovery.watch.relists', { unit: '{relist}', description: 'Listings after the first one of a prefix, by reason.' })
  const reconnects = meter.createCounter('rx_discovery.watch.reconnects', { unit: '{reconnect}', description: 'How often the watch of a prefix was interrupted, and begun again.' })

  const observe: Parameters<Meter['addBatchObservableCallback']>[0] = result => {
    const now = asyncScheduler.now()
    const shown = new Map<string, ServiceSet>()
    for (const { registry, sets } of runs.values())
      for (const [service, set] of sets) {
        const address = addresses.of(service, registry)
        shown.set(address, fresher(shown.get(address), set))
      }
    for (const [address, set] of [...ended].filter(([address]) => !shown.has(address))) shown.set(address, set)
    for (const [address, set] of shown) {
      if (!ended.has(address)) ended.set(address, pendingSet(set.service))
      const attributes: Attributes = { 'rx_discovery.service': set.service, 'server.address': address }
      const counts = new Map(statuses.map(status => [status, 0]))
      for (const { status } of set) counts.set(status, (counts.get(status) ?? 0) + 1)
      for (const [status, count] of counts) result.observe(instances, count, { ...attributes, 'rx_discovery.instance.status': status })
      result.observe(rejected, set.rejected.size, attributes)
      result.observe(staleness, stalenessOf(set, now), attributes)
    }
  }
  const observed = [instances, rejected, staleness]
  meter.addBatchObservableCallback(observe, observed)

  return {
    sets: (message: Sets): void => {
      const { run, registry, sets } = message
      for (const service of sets.keys()) addresses.learn(service, registry)
      if (sets.size > 0) runs.set(run, message)
      else runs.delete(run)
    },
    listWatch: ({ prefix, event, error }: DiagnosticMessages['rx-discovery:list-watch']): void => {
      if (error !== undefined) (event === 'listed' ? relists : reconnects).add(1, { 'rx_discovery.prefix': prefix, 'error.type': errorType(error) })
    },
    stop: (): void => meter.removeBatchObservableCallback(observe, observed),
  }
}
