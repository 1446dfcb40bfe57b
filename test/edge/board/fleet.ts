import { native, serviceInstance, type ServiceInstanceInput } from 'rx-discovery'
import { projection, type Snapshot } from '../../../src/core/view/projection.js'

const services = projection(native())

/** A fleet that is written by hand, as a board sees it: each write is a revision of its own. */
export const fleet = () => {
  let snapshot: Snapshot<unknown> = services.empty
  let revision = 0
  const write = (key: string, value: string | null, lease = '7'): Snapshot<unknown> => {
    revision += 1
    return (snapshot = services.apply(snapshot, { revision, changes: [{ key, value, lease, revision }] }))
  }
  const keyOf = (service: string, id: string): string => `/rx-discovery/${service}/${id}`
  return {
    now: () => snapshot,
    put: (input: ServiceInstanceInput, lease?: string) => {
      const instance = serviceInstance(input)
      return write(keyOf(instance.service, instance.id), native().encode(instance), lease)
    },
    remove: (service: string, id: string) => write(keyOf(service, id), null),
    /** An entry that cannot be read. */
    spoil: (service: string, id: string) => write(keyOf(service, id), '{'),
  }
}

/** An instance of the service `web`. */
export const web = (id: string, more: Partial<ServiceInstanceInput> = {}): ServiceInstanceInput => ({ service: 'web', id, address: `${id}:80`, ...more })
