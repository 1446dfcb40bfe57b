import { PrometheusExporter } from '@opentelemetry/exporter-prometheus'
import { MeterProvider } from '@opentelemetry/sdk-metrics'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { lastValueFrom, of } from 'rxjs'
import { balance, roundRobin, serviceInstance, serviceSet } from 'rx-discovery'
import { instrument } from 'rx-discovery/otel'
import { channels } from '../src/flow/channels.js'
import { cpu } from './etcd/commands.js'
import { bound } from './ratios.js'
import { duration, median, table } from './results-table.js'

const rounds = 7
const calls = 20_000
const checks = 20_000_000

const listener = (): void => undefined
const observers: Readonly<Record<string, () => () => void>> = {
  'without an observer': () => listener,
  'with a subscriber of its channel': () => {
    subscribe('rx-discovery:call', listener)
    return () => void unsubscribe('rx-discovery:call', listener)
  },
  'with instrument(), metrics only': () => {
    const telemetry = instrument({ meterProvider: new MeterProvider({ readers: [new PrometheusExporter({ preventServerStart: true })] }) })
    return () => telemetry.unsubscribe()
  },
}

/** How long it takes to find out that nobody observes calls, ns. */
const unobserved = (): number => {
  let observed = 0
  const began = cpu()
  for (let check = 0; check < checks; check += 1) if (channels.call.hasSubscribers) observed += 1
  const spent = cpu() - began
  if (observed > 0) throw new Error('something observes calls')
  return (spent * 1e6) / checks
}

/** Measures what it costs that the library publishes what happens: while nobody observes it, and while somebody does. */
export const observed = async (): Promise<void> => {
  const instances = Array.from({ length: 10 }, (_, at) => serviceInstance({ service: 'web', id: `n${at}`, address: `n${at}:80` }))
  const web = balance(of(serviceSet('web', instances)), roundRobin(), { linger: Infinity })
  const runs = Object.entries(observers).map(([name, observe]) => ({ name, observe, taken: [] as number[] }))
  // First, since Node changes the class of a channel that has had a subscriber, so that the check takes longer.
  const branches = Array.from({ length: rounds }, unobserved)
  for (let round = 0; round < rounds; round += 1)
    for (const { observe, taken } of runs) {
      const stop = observe()
      const began = cpu()
      for (let call = 0; call < calls; call += 1) await lastValueFrom(web.use(() => Promise.resolve(1)))
      taken.push(((cpu() - began) * 1e6) / calls)
      stop()
    }
  table('a balanced call, with the call itself', [['', 'CPU time'], ...runs.map(({ name, taken }) => [name, duration(median(taken.slice(2)))]), ['the check whether anything observes it', duration(median(branches.slice(2)))]])
  bound({ what: 'the check whether anything observes calls', measured: branches.slice(2), unit: duration, most: 5 })
}
