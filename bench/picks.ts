import { P2cBalancer } from 'load-balancers'
import { outliersOf } from '../src/core/balance/outliers.js'
import { consistentHash } from '../src/core/balance/policies/consistent-hash.js'
import { leastRequest } from '../src/core/balance/policies/least-request.js'
import { peakEwma } from '../src/core/balance/policies/peak-ewma.js'
import { random } from '../src/core/balance/policies/random.js'
import { roundRobin } from '../src/core/balance/policies/round-robin.js'
import { weightedRoundRobin } from '../src/core/balance/policies/weighted-round-robin.js'
import type { Policy } from '../src/core/balance/policy.js'
import { instancesOf, serviceSet, withInstances } from '../src/core/sets/service-set.js'
import { serviceInstance, type ServiceInstance } from '../src/core/instance/instance.js'
import { Picker } from '../src/flow/balancing/picker.js'
import { grpcRoundRobin } from './balance/grpc-picker.js'
import { cpu } from './etcd/commands.js'
import { bound, compare } from './ratios.js'
import { duration, median, table } from './results-table.js'

const sizes = [10, 1_000, 10_000]
const rounds = 9
const idOf = (at: number): string => `node-${String(at).padStart(5, '0')}`
const nodeOf = (at: number, weight = 1 + (at % 3)): ServiceInstance => serviceInstance({ service: 'web', id: idOf(at), address: `10.0.0.1:${1 + at}`, weight })
const setOf = (size: number) => serviceSet('web', Array.from({ length: size }, (_, at) => nodeOf(at)))
const none: ReadonlySet<string> = new Set()
const keys = Array.from({ length: 1_024 }, (_, at) => `user-${at}`)

const pickerOf = <S>(policy: Policy<S>, size: number): Picker<unknown> => {
  const picker = new Picker(policy as Policy, { outliers: outliersOf({}), panic: 50, zones: [], random: Math.random, wait: 0 })
  picker.follow(setOf(size))
  return picker
}

/** A whole pick, as a call makes it: the clock, the choice, the reservation, the statistics, and the release. */
const whole = <S>(policy: Policy<S>) => (size: number) => {
  const picker = pickerOf(policy, size)
  const flying: NonNullable<ReturnType<typeof picker.pick>>[] = []
  let at = 0
  return (): void => {
    const endpoint = picker.pick(keys[at++ & 1_023], none)
    if (endpoint === undefined) return
    picker.began(endpoint, at)
    flying.push(endpoint)
    if (flying.length < 64) return
    const done = flying.splice(0)
    for (const each of done) {
      picker.ended(each)
      picker.learned(each, 'success', performance.now() - 5 - (at & 7), true)
    }
  }
}
const pick = <S>(policy: Policy<S>) => (size: number) => {
  const picker = pickerOf(policy, size)
  for (let at = 0; at < size * 2; at += 1) {
    const endpoint = picker.pick(undefined, none)
    if (endpoint === undefined) continue
    picker.began(endpoint, 0)
    picker.learned(endpoint, 'success', performance.now() - 5 - (at & 7), true)
  }
  let at = 0
  return () => picker.pick(keys[at++ & 1_023], none)
}

// CPU time, so that other work of the machine does not count
const measured = (operations: number, run: () => unknown): number => {
  const began = cpu()
  for (let operation = 0; operation < operations; operation++) run()
  return ((cpu() - began) * 1e6) / operations
}

/** Prints the time per operation of each candidate, and returns it by name and size. */
const compared = (
  title: string,
  candidates: Readonly<Record<string, (size: number) => () => unknown>>,
  operations: (name: string, size: number) => number,
): Readonly<Record<string, readonly (readonly number[])[]>> => {
  const all = Object.entries(candidates).map(([name, make]): [string, readonly (readonly number[])[]] => [
    name,
    sizes.map(size => {
      const run = make(size)
      return Array.from({ length: rounds }, () => measured(operations(name, size), run)).slice(2)
    }),
  ])
  const row = ([name, bySize]: readonly [string, readonly (readonly number[])[]]): string[] => {
    const times = bySize.map(median)
    return [name, ...times.map(duration), `${((times[2] ?? NaN) / (times[0] ?? NaN)).toFixed(1)}×`]
  }
  table(title, [['', ...sizes.map(size => size.toLocaleString('en')), '10,000 : 10'], ...all.map(row)])
  return Object.fromEntries(all)
}

/** The goals of the design, at 10,000 instances. */
const goals = (taken: Readonly<Record<string, readonly (readonly number[])[]>>): void => {
  const at = (name: string): readonly number[] => taken[name]?.[2] ?? []
  for (const [name, most] of [['roundRobin', 200], ['leastRequest', 500], ['peakEwma', 500]] as const)
    bound({ what: `a pick of ${name} among 10,000`, measured: at(name), unit: duration, most })
  compare({ what: 'a pick of roundRobin among 10,000', ours: at('roundRobin'), beside: 'round robin of grpc-js', theirs: at('round robin of grpc-js'), unit: duration })
  compare({ what: 'a pick of leastRequest among 10,000', ours: at('leastRequest'), beside: 'P2C of load-balancers', theirs: at('P2C of load-balancers'), unit: duration })
}

/** Measures a pick and a new set, by the number of instances. */
export const picks = async (): Promise<void> => {
  const slowly = (name: string, size: number): number => (name.startsWith('weighted') && size > 128 ? 100_000 : 200_000)
  const taken = compared('a pick: the clock, the ready set, the policy', {
    roundRobin: pick(roundRobin()),
    random: pick(random()),
    leastRequest: pick(leastRequest()),
    peakEwma: pick(peakEwma()),
    weightedRoundRobin: pick(weightedRoundRobin()),
    consistentHash: pick(consistentHash()),
    'the clock alone': () => () => performance.now(),
    'round robin of grpc-js': size => grpcRoundRobin(size).pick,
    'P2C of load-balancers': (size: number) => { const balancer = new P2cBalancer(size); return () => balancer.pick() },
  }, slowly)
  goals(taken)
  compared('a pick with its reservation, its statistics and its release', { roundRobin: whole(roundRobin()), peakEwma: whole(peakEwma()) }, slowly)
  const changing = (size: number) => {
    const picker = pickerOf(roundRobin(), size)
    let set = setOf(size)
    let at = 0
    picker.follow(set)
    return (): void => {
      at += 1
      set = withInstances(set, instancesOf(set).set(idOf((at * 7_919) % size), nodeOf((at * 7_919) % size, at)))
      picker.follow(set)
    }
  }
  compared('a new set with one change, made and followed', {
    'rx-discovery': changing,
    'round robin of grpc-js': size => { const { update } = grpcRoundRobin(size); let turn = 0; return () => update(++turn) },
  }, (name, size) => (name === 'rx-discovery' ? 20_000 : Math.max(2, 5_000 / size)))
}
