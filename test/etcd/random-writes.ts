import { setTimeout as sleep } from 'node:timers/promises'
import type { Etcd3, IRequestOp } from 'etcd3'

/** Numbers in [0, 1), the same for the same seed (mulberry32). */
export const seeded = (seed: number): (() => number) => {
  let state = seed | 0
  return () => {
    state = (state + 0x6d2b79f5) | 0
    const mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    const again = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((again ^ (again >>> 14)) >>> 0) / 4_294_967_296
  }
}

/** The changes of one transaction: values by key, `null` for a deletion. */
export interface Write {
  readonly revision: number
  readonly changes: ReadonlyMap<string, string | null>
}

/** Random writes by another client, which continue after errors of etcd. */
export interface RandomWrites {
  /** The acknowledged writes, in the order of their answers. */
  readonly acknowledged: readonly Write[]
  /** Stops writing until `resume`. Resolves when no write is under way. */
  readonly pause: () => Promise<void>
  readonly resume: () => void
  /** Stops writing. Resolves when no write is under way. */
  readonly stop: () => Promise<void>
}

const deadline = 1_000

/** How often and which keys are written. */
export interface RandomWritesOptions {
  /** How many loops write. @default 4 */
  readonly writers?: number
  /** The longest pause of a loop, ms. @default 20 */
  readonly pause?: number
  /** The share of writes that create a key. @default 0.7 */
  readonly fresh?: number
  /** The share of writes that delete a key. The remaining writes update one. @default 0.15 */
  readonly deleted?: number
}

/** Puts and deletes keys under `prefix`, sometimes several in a transaction. `valueOf` makes the n-th value. */
export const randomWrites = (
  client: Etcd3,
  prefix: string,
  valueOf: (n: number) => string,
  random: () => number,
  { writers = 4, pause = 20, fresh = 0.7, deleted = 0.15 }: RandomWritesOptions = {},
): RandomWrites => {
  const acknowledged: Write[] = []
  const present: string[] = []
  let count = 0
  let running = true
  let paused = false
  let underWay = 0

  const existing = (): string | undefined => present[Math.floor(random() * present.length)]
  const change = (): readonly [string, string | null] => {
    const n = ++count
    const dice = random()
    const key = dice < fresh ? undefined : existing()
    if (key === undefined) return [`${prefix}node${String(n).padStart(6, '0')}`, valueOf(n)]
    return [key, dice < 1 - deleted ? valueOf(n) : null]
  }
  const write = async (): Promise<void> => {
    const changes = new Map(Array.from({ length: random() < 0.1 ? 5 : 1 }, change))
    const success = Array.from(changes, ([key, value]): IRequestOp =>
      value === null
        ? { request_delete_range: { key: Buffer.from(key) } }
        : { request_put: { key: Buffer.from(key), value: Buffer.from(value) } },
    )
    underWay += 1
    const { header } = await client.kv.txn({ success }, { deadline: Date.now() + deadline }).finally(() => (underWay -= 1))
    acknowledged.push({ revision: Number(header.revision), changes })
    present.push(...[...changes].flatMap(([key, value]) => (value === null ? [] : [key])))
  }
  const loop = async (): Promise<void> => {
    while (running) {
      // Writes continue after an outage.
      if (!paused) await write().catch(() => sleep(20))
      await sleep(random() * pause)
    }
  }
  const loops = Array.from({ length: writers }, loop)
  return {
    acknowledged,
    pause: async () => {
      paused = true
      while (underWay > 0) await sleep(5)
    },
    resume: () => {
      paused = false
    },
    stop: async () => {
      running = false
      await Promise.all(loops)
    },
  }
}

/** Every change under `prefix` since the first revision, in order, from etcd's own history. The connection of `client` must not be disturbed. */
export const historyOf = async (client: Etcd3, prefix: string): Promise<readonly Write[]> => {
  const marker = `${prefix}~end`
  await client.put(marker).value('')
  const history: Write[] = []
  const watcher = client.watch().prefix(prefix).startRevision('1').watcher()
  await new Promise<void>((resolve, reject) => {
    watcher.on('error', reject).on('data', ({ events }) => {
      for (const { type, kv } of events) {
        const [revision, key] = [Number(kv.mod_revision), kv.key.toString()]
        if (key === marker) {
          resolve()
          return
        }
        const last = history.at(-1)
        const whole = last?.revision === revision ? (last.changes as Map<string, string | null>) : new Map<string, string | null>()
        if (last?.revision !== revision) history.push({ revision, changes: whole })
        whole.set(key, type === 'Delete' ? null : kv.value.toString())
      }
    })
  })
  await watcher.cancel()
  return history
}
