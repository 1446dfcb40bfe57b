import { register } from 'rx-discovery'
import { etcdRegistry } from 'rx-discovery/etcd'

// A process of its own, so that it can be killed: `instance.ts <endpoints> <id> <address>`.
const [hosts = '', id = '', address = ''] = process.argv.slice(2)

register(etcdRegistry({ hosts: hosts.split(',') }), { service: 'web', id, address }, { ttl: 2 }).subscribe()
