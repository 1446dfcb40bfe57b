import type { Batch, Change, Revision } from '../store.js'

/** The revisions of a batch up to `to`, in order: one batch for each. */
export const revisionsOf = ({ cluster, changes }: Batch, to: Revision): readonly Batch[] => {
  const batches: { readonly cluster: string; readonly revision: Revision; readonly changes: Change[] }[] = []
  for (const change of changes) {
    const { revision } = change
    if (revision > to) break
    const last = batches.at(-1)
    if (last?.revision === revision) last.changes.push(change)
    else batches.push({ cluster, revision, changes: [change] })
  }
  return batches
}
