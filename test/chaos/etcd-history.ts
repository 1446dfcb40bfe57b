import type { Etcd3 } from 'etcd3'
import type { SetReport } from './subject-protocol.js'
import { digestPart, weightOf } from './weights.js'

/** The instances in etcd at each revision, read from etcd's own history: the truth that sets are compared with. */
export interface EtcdHistory {
  /** Reads up to the last revision and resolves with it. Call it before history is compacted or replaced. */
  readonly read: () => Promise<number>
  /** Reads up to the last revision, then compacts at it. */
  readonly compact: () => Promise<void>
  /** Call it after etcd's data was replaced: what follows is another history, which is read from its first revision. */
  readonly replaced: () => void
  /** Whether etcd contained this set at its revision, in one of its histories. */
  readonly confirms: (set: SetReport) => boolean
}

/** One history: digests by ascending revision, and the instances at the last one. */
interface Epoch {
  readonly revisions: number[]
  readonly digests: number[]
  readonly instances: Map<string, number>
}

const emptyEpoch = (): Epoch => ({ revisions: [0], digests: [0], instances: new Map() })

const digestAt = ({ revisions, digests }: Epoch, revision: number): number | undefined => {
  let [low, high] = [0, revisions.length]
  while (low + 1 < high) {
    const middle = (low + high) >> 1
    if ((revisions[middle] ?? Infinity) <= revision) low = middle
    else high = middle
  }
  return digests[low]
}

/** Follows the history under `prefix` through `client`, whose connection must not be disturbed by the faults. */
export const etcdHistory = (client: () => Promise<Etcd3>, prefix: string): EtcdHistory => {
  const epochs = [emptyEpoch()]
  let next = 1

  const add = (epoch: Epoch, revision: number, key: string, value: string | null): void => {
    const id = key.slice(prefix.length)
    const before = epoch.instances.get(id)
    const after = value === null ? undefined : weightOf(value)
    let digest = epoch.digests.at(-1) ?? 0
    if (before !== undefined) digest = (digest - digestPart(id, before)) >>> 0
    if (after !== undefined) digest = (digest + digestPart(id, after)) >>> 0
    if (after === undefined) epoch.instances.delete(id)
    else epoch.instances.set(id, after)
    if (epoch.revisions.at(-1) === revision) epoch.digests[epoch.digests.length - 1] = digest
    else {
      epoch.revisions.push(revision)
      epoch.digests.push(digest)
    }
  }

  const read = async (): Promise<number> => {
    const epoch = epochs.at(-1) ?? emptyEpoch()
    const etcd = await client()
    const { header } = await etcd.kv.range({ key: Buffer.from('\0'), count_only: true })
    const target = Number(header.revision)
    if (target < next) return target
    // Every key in this etcd begins with a slash, so there is an event at the last revision.
    const watcher = etcd.watch().prefix('/').startRevision(String(next)).watcher()
    try {
      return await new Promise<number>((resolve, reject) => {
        watcher.on('error', reject).on('data', ({ events }) => {
          for (const { type, kv } of events) {
            const key = kv.key.toString()
            if (key.startsWith(prefix)) add(epoch, Number(kv.mod_revision), key, type === 'Delete' ? null : kv.value.toString())
          }
          const reached = Number(events.at(-1)?.kv.mod_revision ?? 0)
          if (reached < target) return
          next = reached + 1
          resolve(reached)
        })
      })
    } finally {
      await watcher.cancel().catch(() => undefined)
    }
  }

  return {
    read,
    compact: async () => {
      const revision = await read()
      const etcd = await client()
      await etcd.kv.compact({ revision: String(revision), physical: true })
    },
    replaced: () => {
      epochs.push(emptyEpoch())
      next = 1
    },
    confirms: ({ revision, digest }) => epochs.some(epoch => digestAt(epoch, revision) === digest),
  }
}
