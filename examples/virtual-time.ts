import { distinctUntilChanged, map } from 'rxjs'
import { discover, exponential, register } from 'rx-discovery'
import { memoryRegistry } from 'rx-discovery/memory'
import { virtually } from 'rx-discovery/testing'

// A minute's outage in a millisecond: the memory registry can simulate every fault, and runs in virtual time.
virtually(({ advance, now }) => {
  const registry = memoryRegistry()
  const at = (): string => `${String(now()).padStart(6)} ms`
  const backoff = exponential({ jitter: 'none' })
  const web = discover(registry, 'web', { backoff })
    .pipe(map(({ status, size }) => `${status} ${size}`), distinctUntilChanged())
    .subscribe(state => console.log(at(), state))
  const node = register(registry, { service: 'web', address: 'localhost:8000' }, { ttl: 5, backoff }).subscribe(
    ({ status }) => status !== 'registered' && console.log(at(), 'node is', status),
  )
  advance(10_000)
  const thaw = registry.freeze()
  advance(60_000)
  thaw()
  advance(1_000)
  node.unsubscribe()
  web.unsubscribe()
  console.log(at(), 'leases left:', registry.leases().length)
})
