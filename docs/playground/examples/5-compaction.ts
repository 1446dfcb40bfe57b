// Compaction: the changes were forgotten during an outage, so the set is listed again.
import { timer } from 'rxjs'
import { changes, discover, history } from 'rx-discovery'
import { registry, show } from 'playground'

const put = (id: string, version: string) =>
  registry.write(`/rx-discovery/web/${id}`, JSON.stringify({ v: 1, address: `${id}:8080`, version }))
put('node1', '1.0')
put('node2', '1.0')

const web$ = discover(registry, 'web')
show('web', web$)
show('changes', web$.pipe(changes()))
// The past: the set of revision 1, and one for each later revision.
show('history', history(registry, 'web', { from: 1 }))

timer(2_000).subscribe(() => {
  registry.interrupt(2_000)
  put('node1', '1.1')
  put('node3', '1.1')
  registry.write('/rx-discovery/web/node2', null)
  registry.compact()
})

// Back again: one set with all that has changed. The revisions before it can no longer be read.
timer(6_000).subscribe(() => show('history again', history(registry, 'web', { from: 1 })))
