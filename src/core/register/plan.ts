import type { Change, Entry } from '../store.js'

/** What {@link plan} compares: what should be in the registry, and what is there as far as the registration has seen. */
export interface PlanInput {
  /** The values that should be there, by key; empty if the instance is withdrawn. */
  readonly desired: ReadonlyMap<string, string>
  /** What was last seen of each key. A key that was never seen counts as absent. */
  readonly observed: ReadonlyMap<string, Change>
  /** The id of the current lease. */
  readonly lease: string
  /** Our own earlier leases: a key under one of them is ours. */
  readonly former: readonly string[]
  /** Whether to overwrite a key that another lease, or none, has. */
  readonly replace: boolean
}

/** The next step of a registration: one guarded write, standing down because another holder has the key, or nothing left to do. */
export type Plan =
  | { readonly type: 'write'; readonly entries: readonly Entry[] }
  | { readonly type: 'taken'; readonly by: Change }
  | { readonly type: 'rest' }

/** Plans the write that brings what is observed to what is desired. Never overwrites or deletes a key of another holder, unless `replace`. */
export const plan = ({ desired, observed, lease, former, replace }: PlanInput): Plan => {
  const present = [...observed.values()].filter(({ value }) => value !== null)
  const ours = (change: Change): boolean => change.lease === lease || former.includes(change.lease)
  const by = present.find(change => desired.has(change.key) && !ours(change))
  if (by !== undefined && !replace) return { type: 'taken', by }
  const puts = [...desired].flatMap(([key, value]): readonly Entry[] => {
    const there = observed.get(key)
    const same = there?.lease === lease && there.value === value
    return same ? [] : [{ key, value, expect: there === undefined || there.value === null ? 0 : there.revision }]
  })
  const deletes = present
    .filter(change => !desired.has(change.key) && ours(change))
    .map(({ key, revision }): Entry => ({ key, value: null, expect: revision }))
  const entries = [...puts, ...deletes]
  return entries.length === 0 ? { type: 'rest' } : { type: 'write', entries }
}
