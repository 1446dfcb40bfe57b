import { reduce, type OperatorFunction } from 'rxjs'
import type { Change, Listing } from '../core/store.js'

/** A part of a listing, its changes as they are or made into something else. */
type Part<A> = Omit<Listing, 'changes'> & { readonly changes: readonly A[] }

/** Joins the parts of a listing into one; a part of another revision than the part before begins again. Emits once, when all have come. */
export const gatherListing = <A = Change>(): OperatorFunction<Part<A>, Part<A>> =>
  reduce<Part<A>, Part<A> & { readonly changes: A[] }>(
    (whole, { cluster, revision, changes }) => {
      if (revision !== whole.revision) return { cluster, revision, changes: [...changes] }
      for (const change of changes) whole.changes.push(change)
      return whole
    },
    { cluster: '', revision: 0, changes: [] },
  )
