import type { ServiceInstance } from './instance.js'

/**
 * Whether the key of an instance has a lease, so that it is deleted soon after its process has died. A key without one was written by hand or by a script, and
 * stays until something deletes it.
 *
 * @example discover(registry, 'web').pipe(where(leased))
 */
export const leased = (instance: ServiceInstance): boolean => instance.leased !== false

/** The instance as its key's lease marks it, `'0'` for none; whatever the value of the key says. */
export const markedBy = <M>(lease: string, instance: ServiceInstance<M>): ServiceInstance<M> => {
  const hasLease = lease !== '0'
  return leased(instance) === hasLease ? instance : Object.freeze({ ...instance, leased: hasLease ? undefined : false })
}
