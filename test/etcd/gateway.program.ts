// Run by sse.test.ts: a gateway in a process of its own. Prints its port.
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { etcdRegistry } from '../../src/edge/etcd/index.js'
import { sseHandler } from '../../src/edge/sse/index.js'

const [hosts = '', port = '0'] = process.argv.slice(2)
const server = createServer(sseHandler(etcdRegistry({ hosts }), { services: ['web'], heartbeat: 1_000 }))
server.listen(Number(port), '127.0.0.1', () => console.log((server.address() as AddressInfo).port))
