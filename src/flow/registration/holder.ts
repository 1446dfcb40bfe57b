import type { Backoff } from '../../core/backoff.js'
import type { Lease } from '../../core/store.js'
import { ownKeys, type OwnKeys } from './observed.js'
import type { Registry } from '../registry.js'
import { entriesOf, type Wish } from '../../core/register/wish.js'
import { nothing } from '../subscribe-within.js'

/** Options of {@link holder}. */
export interface HolderOptions {
  readonly registry: Registry
  readonly onTaken: 'replace' | 'fail'
  readonly backoff: Backoff
}

/** A registration that holds its keys: what it wants of them, and what it knows. There may be thousands, so it is data. */
export interface Holder extends HolderOptions {
  readonly keys: OwnKeys
  /** Its own leases up to now: a key under one of them is its own. */
  former: readonly string[]
  /** It was present once. */
  established: boolean
  /** Who held a key of ours at the start, and since when we wait. */
  rival: { readonly key: string; readonly by: string; readonly since: number } | undefined
  /** The keys that were there when we looked last: one of these that is absent was deleted by another hand. */
  held: ReadonlyMap<string, unknown>
  standing: 'nowhere' | 'held' | 'taken' | 'withdrawn'
  /** Something failed since it has this lease: the keys are read before anything is written. */
  broken: boolean
  wish: Wish | undefined
  /** Goes to work on a new wish, if there is a lease. */
  heed: () => void
  desired: { readonly wish: Wish; readonly lease: Lease; readonly entries: ReadonlyMap<string, string> } | undefined
}

/** Nothing held. */
export const none: ReadonlyMap<string, never> = new Map<string, never>()

/** A registration that knows nothing yet. */
// Written out rather than spread: what a spread makes has a hidden class of its own, which takes more memory than all its fields.
export const holder = ({ registry, onTaken, backoff }: HolderOptions): Holder => ({
  registry,
  onTaken,
  backoff,
  keys: ownKeys(),
  former: [],
  established: false,
  rival: undefined,
  held: none,
  standing: 'nowhere',
  broken: false,
  wish: undefined,
  heed: nothing,
  desired: undefined,
})

/** Wishes something else from now on. */
export const wish = (holding: Holder, wished: Wish): void => {
  holding.wish = wished
  holding.heed()
}

/** What should be there under this lease, made once for each wish: every change of a key asks for it. */
export const desired = (holding: Holder, lease: Lease): ReadonlyMap<string, string> => {
  const { wish: wished, desired: made } = holding
  if (wished === undefined) return none
  if (made?.wish === wished && made.lease === lease) return made.entries
  const entries = entriesOf(wished, lease)
  holding.desired = { wish: wished, lease, entries }
  return entries
}
