import type { Change, Revision } from './store.js'

/** An argument that can never work; the message names it and says what would be right. Fatal. */
export class InvalidArgument extends Error {
  override readonly name = 'InvalidArgument'
  readonly argument: string
  constructor(argument: string, message: string, options?: ErrorOptions) {
    super(`${argument}: ${message}`, options)
    this.argument = argument
  }
}

/** The registry was closed. Fatal. */
export class Closed extends Error {
  override readonly name = 'Closed'
  constructor(message = 'the registry is closed') {
    super(message)
  }
}

/** Access was refused: bad credentials, or no permission for the key. Fatal before the first success. */
export class Denied extends Error {
  override readonly name = 'Denied'
  readonly host: string | undefined
  constructor(message: string, { host, ...options }: ErrorOptions & { readonly host?: string | undefined } = {}) {
    super(message, options)
    this.host = host
  }
}

/** A guarded write found other revisions than it expected: `found` tells for each of its keys what is there (revision 0: nothing). */
export class Taken extends Error {
  override readonly name = 'Taken'
  readonly found: readonly Change[]
  constructor(found: readonly Change[]) {
    super(found.filter(({ revision }) => revision > 0).map(({ key, lease }) => `${key} is held by ${lease === '0' ? 'no lease' : `lease ${lease}`}`).join(', ') || 'a key is gone that was expected')
    this.found = found
  }
}

/** The history asked for was compacted away: list again. */
export class Compacted extends Error {
  override readonly name = 'Compacted'
  readonly revision: Revision
  constructor(revision: Revision) {
    super(`history is compacted up to revision ${revision}`)
    this.revision = revision
  }
}

/** The registry's history was replaced (wiped, restored, another cluster): list again. */
export class Rewound extends Error {
  override readonly name = 'Rewound'
}

/** The registry did not answer, or stopped answering; says which host and what it did. */
export class Disconnected extends Error {
  override readonly name = 'Disconnected'
  readonly host: string | undefined
  constructor(message: string, { host, ...options }: ErrorOptions & { readonly host?: string | undefined } = {}) {
    super(message, options)
    this.host = host
  }
}

/** The member that serves the watch is behind the cluster: events that are known to exist have not come. */
export class Lagging extends Error {
  override readonly name = 'Lagging'
  readonly host: string | undefined
  constructor(message: string, { host, ...options }: ErrorOptions & { readonly host?: string | undefined } = {}) {
    super(message, options)
    this.host = host
  }
}

/** What was folded differs from what the registry holds, for the `count`-th time on this subscription: list again. */
export class Diverged extends Error {
  override readonly name = 'Diverged'
  readonly count: number
  constructor(message: string, count: number) {
    super(message)
    this.count = count
  }
}

/** The registry says that the lease is gone: grant a new one. */
export class LeaseLost extends Error {
  override readonly name = 'LeaseLost'
  readonly leaseId: string
  constructor(leaseId: string, message = 'expired or revoked') {
    super(`lease ${leaseId} is lost: ${message}`)
    this.leaseId = leaseId
  }
}

/** Nobody could be chosen for as long as one was ready to wait; says why, and since when the set is stale (epoch ms), if it is. */
export class NoInstance extends Error {
  override readonly name = 'NoInstance'
  readonly service: string
  readonly reason: 'pending' | 'empty' | 'none up' | 'all ejected' | 'none chosen'
  readonly staleSince: number | undefined
  constructor(service: string, reason: NoInstance['reason'], { staleSince, ...options }: ErrorOptions & { readonly staleSince?: number | undefined } = {}) {
    super(`no instance of ${service || 'the service'}: ${reason}${staleSince === undefined ? '' : ', and the set is stale'}`, options)
    this.service = service
    this.reason = reason
    this.staleSince = staleSince
  }
}

/** A thrown value as text. */
export const textOf = (thrown: unknown): string => {
  // an object without a prototype, or with a broken toString, cannot be converted
  try {
    return String(thrown)
  } catch {
    return 'a value that cannot be converted to a string'
  }
}

/** A thrown value as an `Error`; foreign code throws anything. */
export const toError = (thrown: unknown): Error => (thrown instanceof Error ? thrown : new Error(textOf(thrown), { cause: thrown }))
