import type { ServiceInstance } from '../../core/instance/instance.js'
import { leased } from '../../core/instance/leased.js'

/** Whether an instance needs a look: it gets no calls, or stays when its process has died. */
export const isSick = (instance: ServiceInstance): boolean => instance.status !== 'up' || !leased(instance)
