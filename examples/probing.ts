import { NEVER, of, startWith, timer } from 'rxjs'
import { probe, serviceInstance, serviceSet, subset } from 'rx-discovery'
import { virtually } from 'rx-discovery/testing'

// With a real service: discover(registry, 'web').pipe(subset({ size: 20 }), probe(httpProbe({ path: '/health' })))
virtually(({ advance, now }) => {
  const instances = Array.from({ length: 6 }, (_, at) => serviceInstance({ service: 'web', id: `node${at}`, address: `10.0.0.${at}:8000` }))
  const web$ = NEVER.pipe(startWith(serviceSet('web', instances)))

  // A check passes if its first value is not `false`. This one hangs from 12 s to 30 s for node2.
  const hangs = (id: string): boolean => id === 'node2' && now() > 12_000 && now() < 30_000
  const watching = web$
    .pipe(
      subset({ size: 3, seed: 'client-1' }),
      probe(({ id }) => (hangs(id) ? NEVER : timer(20)), { interval: 5_000, timeout: 1_000, rise: 2, fall: 3, jitter: 0 }),
    )
    .subscribe(set => console.log(`${now()} ms`, set.toArray().map(({ id, status }) => `${id} ${status}`).join(', ')))
  advance(60_000)
  watching.unsubscribe()

  const clients = Array.from({ length: 1_000 }, (_, at) => of(serviceSet('web', instances)).pipe(subset({ size: 3, seed: `client-${at}` })))
  const loads = new Map<string, number>()
  for (const client of clients)
    client.subscribe(set => {
      for (const { id } of set) loads.set(id, (loads.get(id) ?? 0) + 1)
    })
  console.log('clients per instance:', [...loads.keys()].sort().map(id => loads.get(id)).join(' '))
})
