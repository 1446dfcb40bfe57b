import { readFileSync } from 'node:fs'
import { catchError, interval, map, mergeMap, of, timer, type Observable } from 'rxjs'
import { balance, discover, protect, roundRobin, type Balancer, type ServiceInstance, type ServiceSet } from 'rx-discovery'
import { replayRegistry, virtually } from 'rx-discovery/testing'

// A recorded incident: node3 was killed at 5 s, and its key stayed for the 10 s of its lease. At 25 s etcd was away for 4 s. At 35 s all
// leases expired, although all instances but node3 were alive, and they registered again.
const recording = readFileSync('examples/incident.jsonl', 'utf8')

/** How many of 50 calls a second would have failed, with these settings. */
const failures = (settings: (web$: Observable<ServiceSet>) => Balancer, retries = 0): number => {
  let failed = 0
  virtually(({ advance, now }) => {
    const registry = replayRegistry(recording)
    const balancer = settings(discover(registry, 'web', { verify: 0 }))
    const call = ({ id }: ServiceInstance): Observable<void> =>
      timer(5).pipe(
        map(() => {
          if (id === 'node3' && now() >= 5_000) throw new Error('connection refused')
        }),
      )
    const calls = interval(20)
      .pipe(mergeMap(() => balancer.use(call, { retries }).pipe(catchError(() => of((failed += 1))))))
      .subscribe()
    advance(registry.to - registry.from)
    calls.unsubscribe()
  })
  return failed
}

const options = { wait: 0, linger: Infinity, random: () => 0.5 }
console.log('as it was', failures(web$ => balance(web$, roundRobin(), { ...options, outliers: false })))
console.log('with outlier detection', failures(web$ => balance(web$, roundRobin(), options)))
console.log('and with protect', failures(web$ => balance(web$.pipe(protect({ maxLoss: 0.5 })), roundRobin(), options)))
console.log('and with a retry', failures(web$ => balance(web$.pipe(protect({ maxLoss: 0.5 })), roundRobin(), options), 1))
