import { Compacted, InvalidArgument, LeaseLost, Rewound, Taken } from '../../core/errors.js'
import { covers, type Batch, type Change, type Check, type Entry, type Listing, type Range, type Remaining, type Revision } from '../../core/store.js'

interface Granted {
  readonly id: string
  readonly ttl: number
  /** The store's revision at the grant. */
  readonly at: Revision
  /** When it dies unless renewed, by the monotonic clock. */
  readonly deadline: number
}

/** A little etcd without a wire and without a clock: keys, revisions, history, leases. */
export interface Store {
  readonly revision: () => Revision
  readonly list: (range: Range) => Listing
  readonly check: (range: Range, since: Revision) => Check
  /** The changes after `from`; without any, up to where there are none. Throws `Compacted` or `Rewound`. */
  readonly after: (range: Range, from: Revision) => Batch
  readonly put: (entries: readonly Entry[], lease: string) => Revision
  /** A plain put or delete, unguarded. */
  readonly write: (key: string, value: string | null, lease: string) => Revision
  readonly grant: (id: string, ttl: number, now: number) => void
  /** Whether the lease was alive to be renewed. */
  readonly renew: (id: string, now: number) => boolean
  readonly revoke: (id: string) => void
  readonly expire: (now: number) => void
  /** When the first lease dies; infinite without leases. */
  readonly deadline: () => number
  readonly leases: () => readonly string[]
  readonly remaining: (id: string, now: number) => Remaining
  readonly compact: () => void
  /** Everything as it was at `to`, which becomes the present. */
  readonly rewind: (to: Revision, now: number) => void
}

/** etcd's limits: bytes of a request, operations of a transaction. */
const limits = { bytes: 1.5 * 1024 * 1024, operations: 128 }
const cluster = '1'
const byKey = (a: { readonly key: string }, b: { readonly key: string }): number => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0)
const bytes = (text: string): number => new TextEncoder().encode(text).length

const checkEntries = (entries: readonly Entry[]): void => {
  if (entries.length > limits.operations)
    throw new InvalidArgument('entries', `must be at most ${limits.operations}, the limit of one transaction, got ${entries.length}`)
  if (new Set(entries.map(({ key }) => key)).size < entries.length) throw new InvalidArgument('entries', 'must hold each key at most once')
  for (const { key, value } of entries) {
    if (key === '') throw new InvalidArgument('key', 'must not be empty')
    if (value !== null && bytes(value) > limits.bytes) throw new InvalidArgument('value', `must be at most ${limits.bytes} bytes (it is that of ${key})`)
  }
}

const apply = (contents: Map<string, Change>, changes: readonly Change[]): void => {
  for (const change of changes)
    if (change.value === null) contents.delete(change.key)
    else contents.set(change.key, change)
}

/** An empty store at revision 1; calls `committed` after each revision. */
export const emptyStore = (committed: () => void): Store => {
  // history[i] holds the changes of revision floor.revision + 1 + i
  let term = 1
  let floor = { revision: 0, contents: new Map<string, Change>() }
  let history: (readonly Change[])[] = [[]]
  let contents = new Map<string, Change>()
  const leases = new Map<string, Granted>()
  const former = new Map<string, Granted>()

  const revision = (): Revision => floor.revision + history.length
  const within = (range: Range): readonly Change[] => [...contents.values()].filter(({ key }) => covers(range, key)).sort(byKey)
  const commit = (writes: readonly Omit<Change, 'revision'>[]): Revision => {
    const next = revision() + 1
    const changes = writes.filter(({ key, value }) => value !== null || contents.has(key)).map(write => ({ ...write, revision: next }))
    if (changes.length === 0) return revision()
    apply(contents, changes)
    history.push(changes)
    committed()
    return next
  }
  const writeOf = (key: string, value: string | null, lease: string) => {
    if (value !== null && lease !== '0' && !leases.has(lease)) throw new LeaseLost(lease)
    return { key, value, lease: value === null ? '0' : lease }
  }
  const revoke = (id: string): void => {
    const granted = leases.get(id)
    if (!granted) return
    leases.delete(id)
    former.set(id, granted)
    commit(within('').filter(({ lease }) => lease === id).map(({ key }) => ({ key, value: null, lease: '0' })))
  }

  return {
    revision,
    list: range => ({ cluster, revision: revision(), changes: within(range) }),
    check: (range, since) => {
      if (since > revision()) throw new Rewound(`revision ${since} is asked about, but the registry is at ${revision()}`)
      const all = within(range)
      const changed = all.filter(change => change.revision > since).map(({ key, revision, lease }) => ({ key, revision, lease }))
      return { revision: revision(), count: all.length, changed }
    },
    after: (range, from) => {
      if (from > revision()) throw new Rewound(`revision ${from} is known, but the registry is at ${revision()}`)
      if (from < floor.revision) throw new Compacted(floor.revision)
      const changes = history.slice(from - floor.revision).flatMap(batch => batch.filter(({ key }) => covers(range, key)))
      return { cluster, revision: changes.at(-1)?.revision ?? revision(), changes }
    },
    put: (entries, lease) => {
      checkEntries(entries)
      const found = entries.map(({ key }) => contents.get(key) ?? { key, value: null, lease: '0', revision: 0 })
      if (entries.some(({ expect }, i) => found[i]?.revision !== expect)) throw new Taken(found)
      return commit(entries.map(({ key, value }) => writeOf(key, value, lease)))
    },
    write: (key, value, lease) => commit([writeOf(key, value, lease)]),
    grant: (id, ttl, now) => void leases.set(id, { id, ttl, at: revision(), deadline: now + ttl * 1000 }),
    renew: (id, now) => {
      const granted = leases.get(id)
      if (granted) leases.set(id, { ...granted, deadline: now + granted.ttl * 1000 })
      return granted !== undefined
    },
    revoke,
    expire: now => [...leases.values()].filter(({ deadline }) => deadline <= now).forEach(({ id }) => revoke(id)),
    deadline: () => [...leases.values()].reduce((first, { deadline }) => Math.min(first, deadline), Infinity),
    leases: () => [...leases.keys()],
    remaining: (id, now) => {
      const granted = leases.get(id)
      return { granted: granted?.ttl ?? 0, left: granted === undefined ? -1 : Math.floor((granted.deadline - now) / 1000), term: String(term) }
    },
    compact: () => {
      floor = { revision: revision(), contents: new Map(contents) }
      history = []
      former.clear()
    },
    rewind: (to, now) => {
      const head = revision()
      term += 1
      if (!Number.isSafeInteger(to) || to < 1 || to > head) throw new InvalidArgument('to', `must be a revision from 1 to ${head}, got ${to}`)
      history = to < floor.revision ? Array.from({ length: to }, () => []) : history.slice(0, to - floor.revision)
      if (to < floor.revision) floor = { revision: 0, contents: new Map() }
      contents = new Map(floor.contents)
      for (const changes of history) apply(contents, changes)
      for (const { id, at } of [...leases.values()]) if (at >= to) leases.delete(id)
      // a snapshot holds its leases too, and they start again at their full TTL
      for (const { lease } of contents.values()) {
        const granted = leases.get(lease) ?? former.get(lease)
        if (granted) leases.set(lease, { ...granted, deadline: now + granted.ttl * 1000 })
      }
    },
  }
}
