// First set: instances join and leave, and each change makes a new set.
import { timer } from 'rxjs'
import { changes, discover, register } from 'rx-discovery'
import { registry, show } from 'playground'

// Discovery is an Observable of sets. A marble shows how many instances a set has.
const web$ = discover(registry, 'web')
show('web', web$)
show('changes', web$.pipe(changes()))

// A registration is an Observable, too: its subscription holds the lease.
const node = (id: string) => register(registry, { service: 'web', id, address: `${id}:8080` }, { ttl: 5 })
const node1 = show('node1', node('node1'))
timer(2_000).subscribe(() => show('node2', node('node2')))
timer(4_000).subscribe(() => show('node3', node('node3')))

// Its end revokes the lease, so node1 leaves at once.
timer(6_000).subscribe(() => node1.unsubscribe())
