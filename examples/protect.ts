import { BehaviorSubject } from 'rxjs'
import { discover, exponential, protect, register, serviceSet } from 'rx-discovery'
import { memoryRegistry } from 'rx-discovery/memory'
import { virtually } from 'rx-discovery/testing'

// In virtual time, half a minute takes a millisecond.
virtually(({ advance, now }) => {
  const registry = memoryRegistry()
  const backoff = exponential({ jitter: 'none' })
  const nodes = [1, 2, 3, 4, 5, 6, 7, 8].map(n => register(registry, { service: 'web', address: `node${n}:80` }, { backoff }).subscribe())

  const web$ = discover(registry, 'web')
  const plain = new BehaviorSubject(serviceSet('web'))
  const protected$ = new BehaviorSubject(serviceSet('web'))
  const watching = [web$.subscribe(plain), web$.pipe(protect({ grace: 30_000, maxLoss: 0.25 })).subscribe(protected$)]
  const show = (what: string): void =>
    console.log(`${String(now()).padStart(5)} ms ${what}: ${plain.value.size} instances; protected: ${protected$.value.size}, ${protected$.value.held.size} held`)
  show('all registered')

  // A fault of the control plane: all leases expire, although all instances are alive.
  for (const lease of registry.leases()) registry.expire(lease)
  show('all leases expired')
  advance(1_000)
  show('registered again')

  // All instances leave for good without draining first (see `until`), so `protect` keeps them until `grace` has passed.
  for (const node of nodes) node.unsubscribe()
  advance(29_999)
  show('all have left')
  advance(1)
  show('grace has passed')
  for (const one of watching) one.unsubscribe()
})
