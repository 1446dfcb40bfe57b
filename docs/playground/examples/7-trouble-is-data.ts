// Trouble is data: an unreadable entry is listed, and breaks nothing.
import { map, timer } from 'rxjs'
import { discover, register } from 'rx-discovery'
import { registry, show } from 'playground'

const web$ = discover(registry, 'web')
show('web', web$)
show('rejected', web$.pipe(map(set => set.rejected)))
show('node1', register(registry, { service: 'web', id: 'node1', address: '10.0.0.1:8080' }))

// Another client writes what no format can read, and mends it later.
timer(2_000).subscribe(() => registry.write('/rx-discovery/web/node2', '<b>not JSON</b>'))
timer(5_000).subscribe(() => registry.write('/rx-discovery/web/node2', JSON.stringify({ v: 1, address: '10.0.0.2:8080' })))

// An error that nothing catches is printed below the editor.
timer(7_000).subscribe(() => {
  throw new Error('nothing catches this')
})
