import { catchError, firstValueFrom, type Observable } from 'rxjs'
import { balance, discover, NoInstance, register, roundRobin, type ServiceInstance } from 'rx-discovery'
import { memoryRegistry } from 'rx-discovery/memory'

// One registry for each etcd. On etcd: etcdRegistry({ hosts: 'http://etcd.here:2379' }) and etcdRegistry({ hosts: 'http://etcd.there:2379' })
const [here, there] = [memoryRegistry(), memoryRegistry()]
const near = register(here, { service: 'web', id: 'near', address: 'near:8000' }).subscribe()
const far = register(there, { service: 'web', id: 'far', address: 'far:8000' }).subscribe()

// `wait`: how long (ms) a call waits for an instance here before it goes there.
const local = balance(discover(here, 'web'), roundRobin(), { wait: 200 })
const remote = balance(discover(there, 'web'), roundRobin())

// The call goes to the other cluster only if there was no instance to call here. An error of the call itself may have had its effect.
const call = (): Observable<string> => {
  const ask = async ({ id }: ServiceInstance): Promise<string> => id
  return local.use(ask).pipe(
    catchError((error: unknown) => {
      if (error instanceof NoInstance) return remote.use(ask)
      throw error
    }),
  )
}

console.log('answered by', await firstValueFrom(call()))
near.unsubscribe()
console.log('answered by', await firstValueFrom(call()))

far.unsubscribe()
await Promise.all([here.close(), there.close()])
