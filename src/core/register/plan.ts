import type { Change, Entry } from '../store.js'

/** What a registration wants and knows of its own keys. */
export interface Holding {
  /** What should be there, by key; nothing when it is withdrawn. */
  readonly desired: ReadonlyMap<string, string>
  /** What is there as far as we know, by key; nothing known is taken for absent. */
  readonly found: ReadonlyMap<string, Change>
  readonly lease: string
  /** Our own earlier leases: a key under one of them is ours. */
  readonly former: readonly string[]
  /** Whether a key that another holds may be written over. */
  readonly replace: boolean
}

/** The next step of a registration: a guarded write, standing down before another holder, or nothing left to do. */
export type Plan =
  | { readonly type: 'write'; readonly entries: readonly Entry[] }
  | { readonly type: 'taken'; readonly by: Change }
  | { readonly type: 'rest' }

/** What to do so that what is there becomes what should be. Never plans to write over or delete a key that another holds, unless `replace`. */
export const plan = ({ desired, found, lease, former, replace }: Holding): Plan => {
  const held = [...found.values()].filter(({ value }) => value !== null)
  const ours = (change: Change): boolean => change.lease === lease || former.includes(change.lease)
  const by = held.find(change => desired.has(change.key) && !ours(change))
  if (by !== undefined && !replace) return { type: 'taken', by }
  const puts = [...desired].flatMap(([key, value]): readonly Entry[] => {
    const there = found.get(key)
    const same = there?.lease === lease && there.value === value
    return same ? [] : [{ key, value, expect: there === undefined || there.value === null ? 0 : there.revision }]
  })
  const deletes = held
    .filter(change => !desired.has(change.key) && ours(change))
    .map(({ key, revision }): Entry => ({ key, value: null, expect: revision }))
  const entries = [...puts, ...deletes]
  return entries.length === 0 ? { type: 'rest' } : { type: 'write', entries }
}
