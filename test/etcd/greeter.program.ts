// Run by grpc.test.ts: a gRPC server that registers in etcd, drains on SIGTERM, and ends. Prints its port and what becomes of it.
import { Server, ServerCredentials, type ServerWritableStream, type sendUnaryData } from '@grpc/grpc-js'
import { tap } from 'rxjs'
import { register } from '../../src/index.js'
import { etcdRegistry } from '../../src/edge/etcd/index.js'
import { grpcHealth } from '../../src/edge/grpc/index.js'
import { onSignal } from '../../src/edge/node/index.js'

const [hosts = '', id = '', address = '127.0.0.1:0', run = '0'] = process.argv.slice(2)
const print = (line: string): void => console.log(line)
for (const event of ['unhandledRejection', 'uncaughtExceptionMonitor']) process.on(event, (error: unknown) => print(`${event} ${String(error)}`))

const identity = (bytes: Buffer): Buffer => bytes
const bytes = { requestStream: false, requestSerialize: identity, requestDeserialize: identity, responseSerialize: identity, responseDeserialize: identity }
const server = new Server()
server.addService(
  { hello: { path: '/test.Greeter/Hello', responseStream: false, ...bytes }, follow: { path: '/test.Greeter/Follow', responseStream: true, ...bytes } },
  {
    hello: (_: unknown, respond: sendUnaryData<Buffer>) => void setTimeout(() => respond(null, Buffer.from(id + run)), 10),
    follow: (call: ServerWritableStream<Buffer, Buffer>) => {
      let count = 0
      const timer = setInterval(() => {
        call.write(Buffer.from(id + run))
        if ((count += 1) < 3) return
        clearInterval(timer)
        call.end()
      }, 30)
      call.on('cancelled', () => clearInterval(timer))
    },
  },
)
const port = await new Promise<number>((resolve, reject) =>
  server.bindAsync(address, ServerCredentials.createInsecure(), (error, bound) => (error === null ? resolve(bound) : reject(error))),
)
print(`${address.split(':')[0] ?? ''}:${port}`)

const registry = etcdRegistry({ hosts })
const health = grpcHealth({ watch: (call: { readonly write: (response: object) => void }) => call.write({ status: 'SERVING' }) })
const instance = { service: 'shop/greeter', id, address: `${address.split(':')[0] ?? ''}:${port}` }
register(registry, instance, { health, ttl: 10, until: onSignal(), drain: 300 })
  .pipe(tap(({ status }) => print(status)))
  .subscribe({
    error: (error: unknown) => print(String(error)),
    complete: () => {
      server.tryShutdown(() => undefined)
      void registry.close()
    },
  })
