import { setTimeout as sleep } from 'node:timers/promises'
import type { Etcd3 } from 'etcd3'
import { program, type Program } from '../../etcd/program.js'
import { faultProxy, type Proxy } from '../../etcd/proxy.js'
import { seeded } from '../../etcd/random-writes.js'
import { etcdServer } from '../../etcd/server.js'
import { fill, putOf, weightsIn, wrongWeights } from '../weights.js'
import type { Measured, Trial } from './trial.js'

const service = 'stream'
const prefix = `/rx-discovery/${service}/`
const nodes = `${prefix}node`
const mebi = 2 ** 20

/** The figures of a process so far. */
interface Figures {
  readonly emissions: number
  readonly revision: number
  readonly size: number
  readonly lost: number
  readonly first: number
  readonly stale: number
  readonly rss: number
  readonly heapUsed: number
  readonly live: number
  readonly cpu: number
  readonly stall: number
}

/** One of the two processes, with a proxy of its own. */
interface Runner {
  readonly figures: readonly Figures[]
  readonly proxy: Proxy
  readonly measure: () => Promise<Figures>
  readonly weights: () => Promise<Readonly<Record<string, number>>>
  readonly end: () => Promise<unknown>
}

const runner = async (which: string, endpoint: string, slow: number): Promise<Runner> => {
  const proxy = await faultProxy(endpoint)
  const process: Program = program('test/chaos/load/streams.program.ts', [which, proxy.endpoint, service, String(slow)])
  const figures: Figures[] = []
  let onWeights: (weights: Readonly<Record<string, number>>) => void = () => undefined
  let onMeasured: (figures: Figures) => void = () => undefined
  const readLines = async (): Promise<void> => {
    for (;;) {
      const line = JSON.parse(await process.line()) as Figures | { readonly weights: Readonly<Record<string, number>> }
      if ('weights' in line) onWeights(line.weights)
      else {
        figures.push(line)
        if (line.live > 0) onMeasured(line)
      }
    }
  }
  void readLines().catch(() => undefined)
  const ask = <A>(command: string, subscribe: (resolve: (value: A) => void) => void): Promise<A> =>
    new Promise(resolve => {
      subscribe(resolve)
      process.write(command)
    })
  return {
    figures,
    proxy,
    measure: () => ask('measure', resolve => (onMeasured = resolve)),
    weights: () => ask('weigh', resolve => (onWeights = resolve)),
    end: async () => {
      process.write('end')
      await Promise.race([process.ended, sleep(5_000, undefined, { ref: false })])
      process.signal('SIGKILL')
      await proxy.close()
    },
  }
}

/** Writes `rate` transactions a second for `ms`, each with `size` puts. Resolves with the number of events. */
const stream = async (client: Etcd3, random: () => number, { keys, size, rate, ms }: { readonly keys: number; readonly size: number; readonly rate: number; readonly ms: number }): Promise<number> => {
  const start = performance.now()
  const underWay = new Set<Promise<unknown>>()
  let count = 0
  for (; performance.now() - start < ms; count += 1) {
    const first = Math.floor(random() * (keys - size))
    const write = client.kv.txn({ success: Array.from({ length: size }, (_, index) => putOf(nodes, first + index, 1 + Math.floor(random() * 90))) }).catch(() => undefined)
    underWay.add(write)
    void write.then(() => underWay.delete(write))
    if (underWay.size > 50) await Promise.race(underWay)
    await sleep(Math.max(0, start + ((count + 1) * 1_000) / rate - performance.now()))
  }
  await Promise.all(underWay)
  return count * size
}

/** How long (ms) a process takes until its set is the same as etcd's, and how many keys are still wrong after `within` ms. */
const caughtUp = async ({ weights }: Runner, client: Etcd3, within: number): Promise<{ readonly after: number; readonly wrong: number }> => {
  const start = performance.now()
  for (;;) {
    const [seen, truth] = await Promise.all([weights(), weightsIn(client, prefix)])
    const wrong = wrongWeights(seen, truth)
    if (wrong === 0 || performance.now() - start > within) return { after: performance.now() - start, wrong }
    await sleep(100)
  }
}

const mib = (bytes: number): string => `${(bytes / mebi).toFixed(1)} MiB`
const seconds = (ms: number): string => `${(ms / 1_000).toFixed(1)} s`

interface Play {
  readonly keys: number
  readonly slow?: number
  readonly play: (tools: { readonly client: Etcd3; readonly runners: Readonly<Record<'ours' | 'stock', Runner>>; readonly random: () => number }) => Promise<(runner: Runner, which: 'ours' | 'stock') => Promise<Measured>>
}

const trial = (name: string, { keys, slow = 0, play }: Play): Trial => ({
  name,
  run: async seed => {
    const etcd = await etcdServer({ flags: ['--quota-backend-bytes=8000000000', '--auto-compaction-mode=revision', '--auto-compaction-retention=20000'] })
    const client = etcd.client({ grpcOptions: { 'grpc.max_receive_message_length': -1 } })
    await fill(client, nodes, keys)
    const runners = { ours: await runner('ours', etcd.endpoint, slow), stock: await runner('stock', etcd.endpoint, slow) }
    try {
      for (const { figures } of Object.values(runners)) while ((figures.at(-1)?.size ?? 0) < keys) await sleep(50)
      const measure = await play({ client, runners, random: seeded(seed) })
      return { ours: await measure(runners.ours, 'ours'), stock: await measure(runners.stock, 'stock') }
    } finally {
      await Promise.all(Object.values(runners).map(one => one.end()))
      await etcd.close()
    }
  },
})

/** The problems of rx-discovery; those of etcd3 fail nothing. */
const problems = (which: string, ...all: readonly (readonly [boolean, string])[]): Measured => {
  const found = which === 'ours' ? all.flatMap(([is, text]) => (is ? [text] : [])) : []
  return found.length === 0 ? {} : { problem: found.join('; ') }
}

/** Streams of events into small and large sets, with quick and slow subscribers. The longest stream lasts `minutes`. */
export const streams = (minutes: number): readonly Trial[] => [
  trial(`2,000 events a second for ${minutes} minutes, 5,000 instances`, {
    keys: 5_000,
    play: async ({ client, runners, random }) => {
      const load = (ms: number): Promise<number> => stream(client, random, { keys: 5_000, size: 20, rate: 100, ms })
      await load(minutes * 15_000)
      const early = { ours: await runners.ours.measure(), stock: await runners.stock.measure() }
      const began = performance.now()
      const events = await load(minutes * 45_000)
      const took = performance.now() - began
      return async (one, which) => {
        const { after, wrong } = await caughtUp(one, client, 10_000)
        const late = await one.measure()
        const before = early[which]
        return {
          'events a second': String(Math.round((events / took) * 1_000)),
          'heap in use, after a quarter and at the end': `${mib(before.live)}, ${mib(late.live)}`,
          'peak resident memory': mib(Math.max(...one.figures.map(({ rss }) => rss))),
          'CPU per event': `${(((late.cpu - before.cpu) * 1_000) / events).toFixed(1)} µs`,
          'longest stall of the event loop': `${Math.round(late.stall)} ms`,
          'caught up after the last write': seconds(after),
          'keys wrong': String(wrong),
          'leases lost': String(late.lost),
          ...problems(which, [wrong > 0, `${wrong} keys wrong`], [late.lost > 0, 'lost its lease'], [late.live > before.live * 1.2 + mebi, 'the heap grew']),
        }
      }
    },
  }),
  trial('a subscriber that takes 50 ms per set, 2,000 events a second for 20 s', {
    keys: 1_000,
    slow: 50,
    play: async ({ client, random }) => {
      const events = await stream(client, random, { keys: 1_000, size: 5, rate: 400, ms: 20_000 })
      return async (one, which) => {
        const { after, wrong } = await caughtUp(one, client, 120_000)
        const { emissions, lost, live } = await one.measure()
        return {
          events: String(events),
          emissions: String(emissions),
          'peak resident memory': mib(Math.max(...one.figures.map(({ rss }) => rss))),
          'heap in use at the end': mib(live),
          'caught up after the last write': wrong > 0 ? 'not within 2 minutes' : seconds(after),
          'keys wrong': String(wrong),
          'leases lost': String(lost),
          ...problems(which, [wrong > 0, `${wrong} keys wrong`], [lost > 0, 'lost its lease']),
        }
      }
    },
  }),
  trial('100,000 instances in one prefix', {
    keys: 100_000,
    play: async ({ client, runners, random }) => {
      await sleep(1_000)
      const firsts = { ours: await runners.ours.measure(), stock: await runners.stock.measure() }
      const events = await stream(client, random, { keys: 100_000, size: 10, rate: 20, ms: 5_000 })
      for (const { proxy } of Object.values(runners)) proxy.reset()
      await stream(client, random, { keys: 100_000, size: 10, rate: 20, ms: 5_000 })
      return async (one, which) => {
        const { after, wrong } = await caughtUp(one, client, 20_000)
        const { lost, live, stall, stale } = await one.measure()
        return {
          'first set after the start of the process': seconds(firsts[which].first),
          'longest stall, first set included': `${Math.round(firsts[which].stall)} ms`,
          'longest stall overall': `${Math.round(stall)} ms`,
          'heap in use': mib(live),
          'interruptions reported': String(stale),
          'events before the interruption, and again after it': String(events),
          'caught up after the last write': seconds(after),
          'keys wrong': String(wrong),
          'leases lost': String(lost),
          ...problems(which, [wrong > 0, `${wrong} keys wrong`], [lost > 0, 'lost its lease']),
        }
      }
    },
  }),
]
