import { invalidOptions } from '../../core/arguments.js'
import { throwIfInvalid } from '../../core/validation.js'
import type { EtcdContainer } from './container.js'
import { containerChecks, type EtcdContainerOptions } from './container-options.js'
import { sharedOptions } from './shared-options.js'
import { startedEtcd } from './started-etcd.js'

/**
 * Starts an etcd in a container, for a test, and resolves when it answers. `stop` removes it; if the process ends without that, testcontainers does.
 *
 * Rejects with `InvalidArgument` if an option cannot work, and with an `Error` if no container engine answers, or etcd does not start.
 */
export const etcdContainer = async (options?: EtcdContainerOptions): Promise<EtcdContainer> => {
  throwIfInvalid(invalidOptions('etcdContainer', options, containerChecks))
  return startedEtcd({ ...(await sharedOptions(options)), name: 'etcd', peers: ['etcd'] })
}
