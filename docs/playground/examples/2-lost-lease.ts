// A lease is lost: the registration notices, and registers again with a new lease.
import { interval } from 'rxjs'
import { discover, register } from 'rx-discovery'
import { registry, show } from 'playground'

show('orders', discover(registry, 'orders'))
show('node1', register(registry, { service: 'orders', id: 'node1', address: '10.0.0.1:8080' }, { ttl: 6 }))
show('node2', register(registry, { service: 'orders', id: 'node2', address: '10.0.0.2:8080' }, { ttl: 6 }))

// Every 4 s the first lease expires, as after a long pause of the process.
// You can do the same: choose a lease, and press Expire.
interval(4_000).subscribe(() => {
  const [lease] = registry.leases()
  if (lease !== undefined) registry.expire(lease)
})
