import type { Etcd3 } from 'etcd3'
import { part, weightOf, type View } from './told.js'

/** What etcd held at each of its revisions, as its own history tells it. */
export interface Truth {
  /** Reads on to the last revision, and says which that is; to be called before history is compacted or replaced. */
  readonly harvest: () => Promise<number>
  /** Harvests, then compacts up to there. */
  readonly compact: () => Promise<void>
  /** History was replaced: what comes is another one, which begins anew. */
  readonly replaced: () => void
  /** Whether some history held this at its revision. */
  readonly confirms: (view: View) => boolean
}

interface Epoch {
  readonly revisions: number[]
  readonly digests: number[]
  readonly instances: Map<string, number>
}

const begun = (): Epoch => ({ revisions: [0], digests: [0], instances: new Map() })

const digestAt = ({ revisions, digests }: Epoch, revision: number): number | undefined => {
  let [low, high] = [0, revisions.length]
  while (low + 1 < high) {
    const middle = (low + high) >> 1
    if ((revisions[middle] ?? Infinity) <= revision) low = middle
    else high = middle
  }
  return digests[low]
}

/** Follows the history under `prefix` through `client`, which reaches etcd undisturbed. */
export const truthOf = (client: () => Promise<Etcd3>, prefix: string): Truth => {
  const epochs = [begun()]
  let next = 1

  const take = (epoch: Epoch, revision: number, key: string, value: string | null): void => {
    const id = key.slice(prefix.length)
    const before = epoch.instances.get(id)
    const after = value === null ? undefined : weightOf(value)
    let digest = epoch.digests.at(-1) ?? 0
    if (before !== undefined) digest = (digest - part(id, before)) >>> 0
    if (after !== undefined) digest = (digest + part(id, after)) >>> 0
    if (after === undefined) epoch.instances.delete(id)
    else epoch.instances.set(id, after)
    if (epoch.revisions.at(-1) === revision) epoch.digests[epoch.digests.length - 1] = digest
    else {
      epoch.revisions.push(revision)
      epoch.digests.push(digest)
    }
  }

  const harvest = async (): Promise<number> => {
    const epoch = epochs.at(-1) ?? begun()
    const etcd = await client()
    const { header } = await etcd.kv.range({ key: Buffer.from('\0'), count_only: true })
    const target = Number(header.revision)
    if (target < next) return target
    // Every key here begins so, thus there is an event at the last revision.
    const watcher = etcd.watch().prefix('/').startRevision(String(next)).watcher()
    try {
      return await new Promise<number>((resolve, reject) => {
        watcher.on('error', reject).on('data', ({ events }) => {
          for (const { type, kv } of events) {
            const key = kv.key.toString()
            if (key.startsWith(prefix)) take(epoch, Number(kv.mod_revision), key, type === 'Delete' ? null : kv.value.toString())
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
    harvest,
    compact: async () => {
      const revision = await harvest()
      const etcd = await client()
      await etcd.kv.compact({ revision: String(revision), physical: true })
    },
    replaced: () => {
      epochs.push(begun())
      next = 1
    },
    confirms: ({ revision, digest }) => epochs.some(epoch => digestAt(epoch, revision) === digest),
  }
}
