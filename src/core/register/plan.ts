import type { Change, Entry } from '../store.js'

/** What {@link plan} compares: what should be in the registry, and what is there as far as the registration has seen. */
export interface PlanInput {
  /** The values that should be there, by key; empty if the instance is withdrawn. */
  readonly desired: ReadonlyMap<string, string>
  /** What was last seen of each key. A key that was never seen counts as absent. */
  readonly observed: ReadonlyMap<string, Change>
  /** The id of the current lease. */
  readonly lease: string
  /** Whether the registration wrote this itself. */
  readonly ours: (change: Change) => boolean
  /** Whether to overwrite this, although something else wrote it. */
  readonly replaces: (change: Change) => boolean
}

/** The next step of a registration: one guarded write, standing down because something else has the key, or nothing left to do. */
export type Plan =
  | { readonly type: 'write'; readonly entries: readonly Entry[] }
  | { readonly type: 'taken'; readonly by: Change }
  | { readonly type: 'rest' }

/** Plans the write that brings what is observed to what is desired. Never deletes what something else wrote, and overwrites it only if `replaces` accepts it. */
export const plan = ({ desired, observed, lease, ours, replaces }: PlanInput): Plan => {
  const present = [...observed.values()].filter(({ value }) => value !== null)
  const asDesired = (change: Change | undefined, value: string | undefined): boolean => change?.lease === lease && change.value === value
  const by = present.find(change => desired.has(change.key) && !asDesired(change, desired.get(change.key)) && !ours(change) && !replaces(change))
  if (by !== undefined) return { type: 'taken', by }
  const puts = [...desired].flatMap(([key, value]): readonly Entry[] => {
    const there = observed.get(key)
    return asDesired(there, value) ? [] : [{ key, value, expect: there === undefined || there.value === null ? 0 : there.revision }]
  })
  const deletes = present
    .filter(change => !desired.has(change.key) && ours(change))
    .map(({ key, revision }): Entry => ({ key, value: null, expect: revision }))
  const entries = [...puts, ...deletes]
  return entries.length === 0 ? { type: 'rest' } : { type: 'write', entries }
}
