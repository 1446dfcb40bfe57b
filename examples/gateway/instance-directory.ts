import { Logger, type OnApplicationShutdown } from '@nestjs/common'
import { merge, type Observable } from 'rxjs'
import type { ServiceInstance, ServiceSet } from 'rx-discovery'

/** The last known instances of some services. While etcd is away they stay, so requests go on. */
export class InstanceDirectory implements OnApplicationShutdown {
  readonly #logger = new Logger(InstanceDirectory.name)
  readonly #sets = new Map<string, ServiceSet>()
  readonly #following

  constructor(sets: readonly Observable<ServiceSet>[]) {
    this.#following = merge(...sets).subscribe({
      next: set => this.#sets.set(set.service, set),
      error: (error: unknown) => this.#logger.error(error),
    })
  }

  find(service: string, id: string): ServiceInstance | undefined {
    return this.#sets.get(service)?.get(id)
  }

  onApplicationShutdown(): void {
    this.#following.unsubscribe()
  }
}
