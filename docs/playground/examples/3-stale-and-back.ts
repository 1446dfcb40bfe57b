// Stale and back: no outage empties a set.
import { distinctUntilChanged, map, timer } from 'rxjs'
import { discover, register, type ServiceSet } from 'rx-discovery'
import { registry, show } from 'playground'

const web$ = discover(registry, 'web')
show('web', web$)
const why = ({ status, trouble }: ServiceSet): string => (status === 'stale' ? `${trouble?.error.message}` : status)
show('why', web$.pipe(map(why), distinctUntilChanged()))

for (const id of ['node1', 'node2'])
  show(id, register(registry, { service: 'web', id, address: `${id}:8080` }, { ttl: 5 }))

// For 3 s all connections are cut. The set keeps its instances, and says since when they are stale.
timer(2_000).subscribe(() => registry.interrupt(3_000))

// Then press Freeze, and wait for longer than the TTL: nothing answers, and leases expire meanwhile.
