import { register } from 'rx-discovery'
import { etcdRegistry } from 'rx-discovery/etcd'

// Runs in a process of its own, which the demo can kill. Usage: instance.ts <endpoints> <id> <address>
const [hosts = '', id = '', address = ''] = process.argv.slice(2)

register(etcdRegistry({ hosts: hosts.split(',') }), { service: 'web', id, address }, { ttl: 2 }).subscribe()
