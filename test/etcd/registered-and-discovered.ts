import { discover, register, type Registration, type ServiceSet } from 'rx-discovery'
import { etcdRegistry, type ConnectOptions } from 'rx-discovery/etcd'
import { own } from './own.js'

/** What a discovery of `web` and a registration in it emit over such a connection. */
export const registeredAndDiscovered = (options: ConnectOptions) => {
  const registry = own(etcdRegistry(options), it => it.close())
  const sets: ServiceSet[] = []
  const states: Registration[] = []
  const errors: unknown[] = []
  const error = (thrown: unknown): void => void errors.push(thrown)
  own(discover(registry, 'web').subscribe({ next: set => sets.push(set), error }), it => it.unsubscribe())
  own(register(registry, { service: 'web', address: '10.0.0.1:8080' }).subscribe({ next: state => states.push(state), error }), it => it.unsubscribe())
  return { sets, states, errors }
}
