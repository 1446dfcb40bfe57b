import { lastValueFrom, retry, throwError, timer, toArray } from 'rxjs'
import { expect } from 'vitest'
import { Compacted, Disconnected, history, type ReadableRegistry, type ServiceSet } from 'rx-discovery'
import type { Write } from './etcd/random-writes.js'

/** How many events and windows a test of a recorded history has. The whole size takes minutes: `HISTORY_EVENTS=100000 HISTORY_WINDOWS=1000`. */
export const sizeOf = (events: number, windows: number): { readonly events: number; readonly windows: number } => ({
  events: Number(process.env['HISTORY_EVENTS'] ?? events),
  windows: Number(process.env['HISTORY_WINDOWS'] ?? windows),
})

const own = '/rx-discovery/web/'
const others = ['/rx-discovery/web2/', '/rx-discovery/orders/', '/rx-discovery/we', '/rx-discovery-web/', '/elsewhere/web/']
/** The share of changes that concern the service: other prefixes make most of the revisions, and still the past of the service is more than one message of etcd. */
const share = 0.4

const pick = <A>(all: readonly A[], random: () => number): A | undefined => all[Math.floor(random() * all.length)]

/** One random write: the new values of a few keys, `null` for a deletion. */
export const randomWrite = (n: number, random: () => number): ReadonlyMap<string, string | null> => {
  const change = (): readonly [string, string | null] => {
    const prefix = random() < share ? own : (pick(others, random) ?? '')
    const id = `n${Math.floor(random() * 20)}`
    const dice = random()
    // Some writes repeat what is there, and some cannot be read.
    const value = dice < 0.25 ? null : dice < 0.3 ? 'bad' : JSON.stringify({ v: 1, address: `${id}:80`, version: String(dice < 0.6 ? 0 : n) })
    return [prefix + id, value]
  }
  return new Map(Array.from({ length: random() < 0.1 ? 3 : 1 }, change))
}

const shownEntry = (id: string, value: string): string => (value === 'bad' ? `${own}${id}!` : `${id}@${(JSON.parse(value) as { readonly version: string }).version}`)

/** A set as text. */
const shown = (set: ServiceSet): string => [...[...set].map(({ id, version }) => `${id}@${version}`), ...[...set.rejected.keys()].map(key => `${key}!`)].sort().join(' ')

/** What `history` must emit, as text. */
export interface Truth {
  readonly between: (from: number, to: number) => readonly string[]
}

/** The fold of a log of writes: the content of the service after each of its revisions. */
export const truthOf = (log: readonly Write[]): Truth => {
  const present = new Map<string, string>()
  const states = [{ revision: 0, text: '' }]
  for (const { revision, changes } of log) {
    for (const [key, value] of changes) {
      if (!key.startsWith(own)) continue
      if (value === null) present.delete(key)
      else present.set(key, value)
    }
    const text = [...present].map(([key, value]) => shownEntry(key.slice(own.length), value)).sort().join(' ')
    if (text !== states.at(-1)?.text) states.push({ revision, text })
  }
  return {
    between: (from, to) => {
      const first = states.filter(({ revision }) => revision <= from).at(-1)
      const later = states.filter(({ revision }) => revision > from && revision <= to)
      return [`${from}: ${first?.text ?? ''}`, ...later.map(({ revision, text }) => `${revision}: ${text}`)]
    },
  }
}

/** Expects the same sets, and shows only the first that differs: there may be thousands. */
const same = (sets: readonly string[], expected: readonly string[], what: string): void => {
  const at = expected.findIndex((text, index) => text !== sets[index])
  expect([sets.length, at, sets[at]], what).toEqual([expected.length, -1, undefined])
}

/** Compares `windows` random parts of the past, from `oldest` on, with the truth, 16 at a time. Of twenty, one begins below `oldest`, and one is all from there to the head. */
export const compareWindows = async (registry: ReadableRegistry, truth: Truth, { oldest, head, windows }: { readonly oldest: number; readonly head: number; readonly windows: number }, random: () => number): Promise<void> => {
  const read = (from: number, to?: number): Promise<readonly string[]> =>
    lastValueFrom(
      history(registry, 'web', { from, ...(to !== undefined && { to }), maxBehind: Infinity }).pipe(
        toArray(),
        // An etcd that reads far back for many watches may be silent for seconds.
        retry({ count: 3, delay: (error: Error) => (error instanceof Disconnected ? timer(1_000) : throwError(() => error)) }),
      ),
    ).then(sets => sets.map(set => `${set.revision}: ${shown(set)}`))
  const between = (low: number, high: number): number => low + Math.floor(random() * (high - low + 1))
  const one = async (n: number): Promise<void> => {
    if (n % 20 === 1 && oldest > 1) {
      const error: unknown = await read(between(1, oldest - 1), head).catch((thrown: unknown) => thrown)
      expect(error).toBeInstanceOf(Compacted)
      expect(error).toMatchObject({ revision: oldest, message: expect.stringContaining(`the oldest revision that can be read is ${oldest}`) as unknown })
      return
    }
    const from = between(oldest, head)
    const to = between(from, random() < 0.5 ? head : Math.min(head, from + 50))
    if (n % 20 === 2) same(await read(oldest), truth.between(oldest, head), `from ${oldest} on`)
    else same(await read(from, to), truth.between(from, to), `from ${from} to ${to}`)
  }
  let next = 0
  const worker = async (): Promise<void> => {
    while (next < windows) await one(next++)
  }
  await Promise.all(Array.from({ length: 16 }, worker))
}
