import { reduce, type OperatorFunction } from 'rxjs'
import type { Change, Listing } from '../core/store.js'

/** Joins the parts of a listing into one; a part of another revision than the part before begins again. Emits once, when all have come. */
export const gatherListing = (): OperatorFunction<Listing, Listing> =>
  reduce<Listing, { readonly cluster: string; readonly revision: number; readonly changes: Change[] }>(
    (whole, { cluster, revision, changes }) => {
      if (revision !== whole.revision) return { cluster, revision, changes: [...changes] }
      for (const change of changes) whole.changes.push(change)
      return whole
    },
    { cluster: '', revision: 0, changes: [] },
  )
