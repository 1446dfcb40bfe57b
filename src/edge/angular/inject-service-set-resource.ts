import * as core from '@angular/core'
import type { ServiceSet } from 'rx-discovery'
import { injectServiceSet, type InjectServiceSetOptions } from './inject-service-set.js'

/** What Angular calls the state of a resource. Angular 20 has no type for it. */
interface Snapshot {
  readonly status: 'loading' | 'reloading' | 'resolved'
  readonly value: ServiceSet
}

const statuses = { pending: 'loading', live: 'resolved', stale: 'reloading' } as const

/**
 * The set of a service as a resource, from Angular 21 on: `loading` while it is pending, `resolved` while it is live, and `reloading` while it is stale. It always has
 * a value and is never in the status `error`: the error is the `trouble` of the set. Throws if Angular is older.
 *
 * @example readonly orders = injectServiceSetResource(() => 'orders')
 */
export const injectServiceSetResource = (service: () => string, options?: InjectServiceSetOptions): core.Resource<ServiceSet> => {
  // Not a named import: an application with Angular 20 would not link.
  // eslint-disable-next-line @typescript-eslint/dot-notation -- see above
  const resourceOf = core['resourceFromSnapshots'] as ((source: () => Snapshot) => core.Resource<ServiceSet>) | undefined
  if (resourceOf === undefined) throw new Error(`injectServiceSetResource needs Angular 21 or later, got ${core.VERSION.full} (use injectServiceSet, which works with Angular 20)`)
  const set = injectServiceSet(service, options)
  return resourceOf(() => ({ status: statuses[set().status], value: set() }))
}
