/** A bug of etcd that matters here: the first release of each line without it. A line that is not named never had it. */
interface Bug {
  readonly fixed: Readonly<Record<string, number>>
  readonly text: string
}

// Ordered by how much they cost. docs/etcd.md lists them with what the library does about each.
const bugs: readonly Bug[] = [
  { fixed: { '3.5': 3 }, text: 'members can end up with different data after a crash' },
  { fixed: { '3.4': 31, '3.5': 13 }, text: 'a leader that was cut off may revoke living leases when it returns' },
  { fixed: { '3.4': 38, '3.5': 23, '3.6': 5 }, text: 'renewals of a revoked lease may be confirmed' },
  { fixed: { '3.4': 31, '3.5': 13 }, text: 'a watch from before a compaction may lose events while etcd is busy' },
  { fixed: { '3.4': 36, '3.5': 18 }, text: 'a watch from a compacted revision may lose a delete' },
  { fixed: { '3.4': 31, '3.5': 13 }, text: 'a progress report may overtake events' },
  { fixed: { '3.4': 42, '3.5': 28, '3.6': 9 }, text: 'a linearizable read is rarely answered from an older state' },
]

/** What is known about a version of etcd. */
export interface KnownBugs {
  /** Such as `3.4`; `undefined`: the version cannot be read. */
  readonly line: string | undefined
  readonly bugs: readonly string[]
  /** The first release of the same line that has none of them; `undefined`: this one. */
  readonly without: string | undefined
}

/** The bugs of a version of etcd, such as `3.4.23`, that matter here. */
export const knownBugs = (version: string): KnownBugs => {
  const [, line, patch = ''] = /^(\d+\.\d+)\.(\d+)/.exec(version) ?? []
  if (line === undefined) return { line, bugs: [], without: undefined }
  const own = bugs.filter(({ fixed }) => Number(patch) < (fixed[line] ?? 0))
  const first = own.reduce((most, { fixed }) => Math.max(most, fixed[line] ?? 0), 0)
  return { line, bugs: own.map(({ text }) => text), without: own.length === 0 ? undefined : `${line}.${first}` }
}
