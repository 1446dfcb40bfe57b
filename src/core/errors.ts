import type { Change, Revision } from './store.js'

/** A lease id as etcdctl writes it, in hexadecimal: for messages. In data a lease id is a decimal string. */
export const leaseHex = (leaseId: string): string => (/^\d+$/.test(leaseId) ? BigInt(leaseId).toString(16) : leaseId)

/** An argument cannot work, whatever the registry does. The message begins with the argument's name and says what would be right. Fatal: correct the call. */
export class InvalidArgument extends Error {
  override readonly name = 'InvalidArgument'
  /** The name of the argument or option, such as `address` or `outliers.base`. */
  readonly argument: string
  /** `message` goes on after the name: `must be host:port, got "localhost"`. */
  constructor(argument: string, message: string, options?: ErrorOptions) {
    super(`${argument} ${message}`, options)
    this.argument = argument
  }
}

/** The registry was closed by this program. Fatal: nothing more will be emitted. `cause`: why the revoke of a lease was not confirmed. */
export class Closed extends Error {
  override readonly name = 'Closed'
  constructor(message = 'the registry is closed', options?: ErrorOptions) {
    super(message, options)
  }
}

const hinted = (message: string, hint: string | undefined): string => (hint === undefined ? message : `${message} (${hint})`)

/** The registry refused access: wrong credentials, or no permission for the key. Fatal before the first success; later it is retried. */
export class Denied extends Error {
  override readonly name = 'Denied'
  /** The endpoint that refused, if it is known. */
  readonly host: string | undefined
  /** What to change in the call, with which the message ends in brackets; a program whose users write no calls shows another one. */
  readonly hint: string | undefined
  constructor(message: string, { host, hint, ...options }: ErrorOptions & { readonly host?: string | undefined; readonly hint?: string | undefined } = {}) {
    super(hinted(message, hint), options)
    this.host = host
    this.hint = hint
  }
}

const whatIsThere = ({ key, lease }: Change): string => `${key} already exists ${lease === '0' ? 'without a lease' : `under lease ${leaseHex(lease)}`}`

/** A guarded write changed nothing, since a key had another revision than the write expected. */
export class Taken extends Error {
  override readonly name = 'Taken'
  /** What each key of the write holds; revision 0: the key does not exist. */
  readonly found: readonly Change[]
  /** What to change in the call, with which the message ends in brackets; a program whose users write no calls shows another one. */
  readonly hint: string | undefined
  constructor(found: readonly Change[], hint?: string) {
    super(hinted(found.filter(({ revision }) => revision > 0).map(whatIsThere).join(', ') || 'a key that was expected does not exist any more', hint))
    this.found = found
    this.hint = hint
  }
}

/** The requested revision can no longer be read, since the registry compacted its history. List again. */
export class Compacted extends Error {
  override readonly name = 'Compacted'
  /** The oldest revision that can still be read; 0: unknown. */
  readonly revision: Revision
  constructor(revision: Revision) {
    super(`the requested history is compacted${revision > 0 ? `; the oldest revision that can be read is ${revision}` : ''}`)
    this.revision = revision
  }
}

/** The registry's history was replaced: it was wiped or restored, or another cluster answers. List again. */
export class Rewound extends Error {
  override readonly name = 'Rewound'
}

/** The registry did not answer, or stopped answering. The message names the host and what happened. Retried. */
export class Disconnected extends Error {
  override readonly name = 'Disconnected'
  /** The endpoint that did not answer, if it is known. */
  readonly host: string | undefined
  constructor(message: string, { host, ...options }: ErrorOptions & { readonly host?: string | undefined } = {}) {
    super(message, options)
    this.host = host
  }
}

/** The member that serves the watch is behind the cluster: it has not delivered events that exist. Retried. */
export class Lagging extends Error {
  override readonly name = 'Lagging'
  /** The endpoint of the member that is behind, if it is known. */
  readonly host: string | undefined
  constructor(message: string, { host, ...options }: ErrorOptions & { readonly host?: string | undefined } = {}) {
    super(message, options)
    this.host = host
  }
}

/** The set differed from what the registry holds, although no watch failed. List again. */
export class Diverged extends Error {
  override readonly name = 'Diverged'
  /** How many times this subscription has diverged. */
  readonly count: number
  constructor(message: string, count: number) {
    super(message)
    this.count = count
  }
}

/** The registry reported that a lease no longer exists: it expired or was revoked. Its keys are deleted; a new lease is needed. */
export class LeaseLost extends Error {
  override readonly name = 'LeaseLost'
  /** The lease, in decimal; the message shows it in hexadecimal. */
  readonly leaseId: string
  constructor(leaseId: string, message = 'expired or revoked') {
    super(`lease ${leaseHex(leaseId)} is lost: ${message}`)
    this.leaseId = leaseId
  }
}

const reasons: Readonly<Record<NoInstance['reason'], (service: string) => string>> = {
  pending: service => `no instance of ${service} is known yet: the registry has not been listed`,
  empty: service => `no instance of ${service} is registered`,
  'none up': service => `no instance of ${service} is up`,
  'all ejected': service => `every instance of ${service} that is up is ejected, since its calls failed`,
  'none chosen': service => `the policy chose no instance of ${service}`,
}

/** What is wrong with the set, in brackets: why it is stale, or why there is none yet. */
const troubleIn = ({ cause, staleSince }: ErrorOptions & { readonly staleSince?: number | undefined }): string => {
  const why = cause instanceof Error ? cause.message : undefined
  const parts = [...(staleSince === undefined ? [] : ['the set is stale']), ...(why === undefined ? [] : [why])]
  return parts.length === 0 ? '' : ` (${parts.join(': ')})`
}

/** A call found no instance for as long as it was allowed to wait. `cause`: why the set is stale, or why the registry could not be listed. The message ends with it. */
export class NoInstance extends Error {
  override readonly name = 'NoInstance'
  readonly service: string
  /** Why there was none: no set yet, an empty set, no instance `up`, all of them ejected, or the policy chose none. */
  readonly reason: 'pending' | 'empty' | 'none up' | 'all ejected' | 'none chosen'
  /** Since when the set is stale, epoch ms; `undefined`: it is not. */
  readonly staleSince: number | undefined
  constructor(service: string, reason: NoInstance['reason'], { staleSince, ...options }: ErrorOptions & { readonly staleSince?: number | undefined } = {}) {
    super(`${reasons[reason](service || 'the service')}${troubleIn({ staleSince, ...options })}`, options)
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
