import { BehaviorSubject } from 'rxjs'
import { discover, exponential, protect, register, serviceSet } from 'rx-discovery'
import { memoryRegistry } from 'rx-discovery/memory'
import { virtually } from 'rx-discovery/testing'

// In virtual time, so that half a minute takes a millisecond.
virtually(({ advance, now }) => {
  const registry = memoryRegistry()
  const backoff = exponential({ jitter: 'none' })
  const nodes = [1, 2, 3, 4, 5, 6, 7, 8].map(n => register(registry, { service: 'web', address: `node${n}:80` }, { backoff }).subscribe())

  const web$ = discover(registry, 'web')
  const bare = new BehaviorSubject(serviceSet('web'))
  const safe = new BehaviorSubject(serviceSet('web'))
  const watching = [web$.subscribe(bare), web$.pipe(protect({ grace: 30_000, maxLoss: 0.25 })).subscribe(safe)]
  const show = (what: string): void =>
    console.log(`${String(now()).padStart(5)} ms ${what}: ${bare.value.size} instances; protected: ${safe.value.size}, ${safe.value.held.size} of them held`)
  show('at first')

  // A fault of the control plane: every lease expires, though every instance lives.
  for (const lease of registry.leases()) registry.expire(lease)
  show('all leases expired')
  advance(1_000)
  show('registered again')

  // All of them gone for good, without a word (`until` would have told): believed after `grace`.
  for (const node of nodes) node.unsubscribe()
  advance(29_999)
  show('all gone')
  advance(1)
  show('believed')
  for (const one of watching) one.unsubscribe()
})
