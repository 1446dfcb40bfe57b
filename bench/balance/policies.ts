import type { Observable } from 'rxjs'
import { balance, consistentHash, leastRequest, peakEwma, random, roundRobin, weightedRoundRobin, type BalanceOptions, type Balancer, type ServiceSet } from 'rx-discovery'

type Make = (sets: Observable<ServiceSet>, options: BalanceOptions) => Balancer

/** The compared policies by name. */
export const policies: Readonly<Record<string, Make>> = {
  roundRobin: (sets, options) => balance(sets, roundRobin(), options),
  random: (sets, options) => balance(sets, random(), options),
  weightedRoundRobin: (sets, options) => balance(sets, weightedRoundRobin(), options),
  consistentHash: (sets, options) => balance(sets, consistentHash(), options),
  leastRequest: (sets, options) => balance(sets, leastRequest(), options),
  peakEwma: (sets, options) => balance(sets, peakEwma(), options),
}
