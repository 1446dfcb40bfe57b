import type { ServiceInstance, Status } from '../../core/instance/instance.js'
import { leased } from '../../core/instance/leased.js'

/** What an operator has to know of an instance besides its fields: that nothing deletes its key, and the override of its status. */
export const notesOf = (instance: ServiceInstance, override: Status | undefined): readonly string[] => {
  const lease = leased(instance) ? [] : ['no lease']
  if (override === undefined) return lease
  return [...lease, override === instance.status ? 'overridden' : `overridden as ${override}, not followed`]
}
