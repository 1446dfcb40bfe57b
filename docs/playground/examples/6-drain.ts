// Health and drain: an instance starts, fails its checks for a while, and ends without a lost call.
import { Subject, throwError, timer } from 'rxjs'
import { changes, discover, poll, register } from 'rx-discovery'
import { registry, show } from 'playground'

const orders$ = discover(registry, 'orders')
show('orders', orders$)
show('changes', orders$.pipe(changes()))

// The check fails from 3 s to 5 s. Only instances that are `up` get calls.
let isHealthy = true
timer(3_000).subscribe(() => (isHealthy = false))
timer(5_000).subscribe(() => (isHealthy = true))
const health = poll(() => (isHealthy ? timer(20) : throwError(() => new Error('the disk is full'))), { interval: 300 })

// In a server, `onSignal()` of rx-discovery/node emits on SIGTERM. While it drains, the instance finishes its work.
const stop = new Subject<void>()
timer(8_000).subscribe(() => stop.next())
show('node1', register(registry, { service: 'orders', id: 'node1', address: '10.0.0.1:8080' }, { health, until: stop, drain: 2_000 }))
