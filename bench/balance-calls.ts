import { circuitBreaker, ConsecutiveBreaker, handleAll, timeout, TimeoutStrategy, wrap } from 'cockatiel'
import Breaker from 'opossum'
import { BehaviorSubject, lastValueFrom } from 'rxjs'
import { balance, peakEwma, roundRobin, serviceInstance, serviceSet } from 'rx-discovery'
import { cpu } from './etcd/commands.js'
import { compare } from './ratios.js'
import { duration, median, table } from './results-table.js'

const rounds = 7
const calls = 20_000

type Make = (call: () => Promise<unknown>) => () => Promise<unknown>

const cockatiel: Make = call => {
  const policy = wrap(timeout(1_000, TimeoutStrategy.Aggressive), circuitBreaker(handleAll, { halfOpenAfter: 1_000, breaker: new ConsecutiveBreaker(5) }))
  return () => policy.execute(call)
}

const opossum: Make = call => {
  const breaker = new Breaker(call, { timeout: 1_000 })
  return () => breaker.fire()
}

/** Measures `lastValueFrom(balancer.use(call))` of a call that resolves at once, minus the call itself. */
export const balancedCalls = async (): Promise<void> => {
  const instances = Array.from({ length: 10 }, (_, at) => serviceInstance({ service: 'web', id: `n${at}`, address: `n${at}:80` }))
  const sets = new BehaviorSubject(serviceSet('web', instances))
  const [fair, peak] = [balance(sets, roundRobin()), balance(sets, peakEwma())]
  const all: Readonly<Record<string, Make>> = {
    'the call alone': call => call,
    roundRobin: call => () => lastValueFrom(fair.use(() => call())),
    peakEwma: call => () => lastValueFrom(peak.use(() => call())),
    'roundRobin, with a timeout': call => () => lastValueFrom(fair.use(() => call(), { timeout: 1_000 })),
    'roundRobin, with a signal': call => () => lastValueFrom(fair.use((_, signal) => (signal.aborted ? Promise.reject(new Error('aborted')) : call()))),
    'an AbortController': call => () => (new AbortController().signal.aborted ? Promise.resolve() : call()),
    'cockatiel: timeout, breaker': cockatiel,
    'opossum, with a timeout': opossum,
  }
  const runs = Object.entries(all).map(([name, make]) => ({ name, run: make(() => Promise.resolve(1)), taken: [] as number[] }))
  for (let round = 0; round < rounds; round += 1)
    for (const { run, taken } of runs) {
      const began = cpu()
      for (let call = 0; call < calls; call += 1) await run()
      taken.push(((cpu() - began) * 1e6) / calls)
    }
  const alone = median(runs[0]?.taken ?? [])
  const cost = (name: string): readonly number[] => (runs.find(each => each.name === name)?.taken ?? []).slice(2).map(taken => taken - alone)
  table('a balanced call, minus the call itself', [['', 'CPU time'], ...runs.slice(1).map(({ name }) => [name, duration(median(cost(name)))])])
  // The goals are 3 µs and 6 µs where cockatiel takes 14: as ratios they mean the same on each machine.
  const cockatiels = { beside: 'cockatiel: timeout, breaker', theirs: cost('cockatiel: timeout, breaker'), unit: duration }
  compare({ what: 'a balanced call, by roundRobin', ours: cost('roundRobin'), ...cockatiels, goal: { most: 0.21 } })
  compare({ what: 'a balanced call that takes a signal', ours: cost('roundRobin, with a signal'), ...cockatiels, goal: { most: 0.43 } })
  compare({ what: 'a balanced call with a timeout', ours: cost('roundRobin, with a timeout'), beside: 'opossum, with a timeout', theirs: cost('opossum, with a timeout'), unit: duration })
}
