import { setTimeout as sleep } from 'node:timers/promises'
import { sumOf } from '../../etcd/metrics.js'
import { program, type Program } from '../../etcd/program.js'
import { faultProxy } from '../../etcd/proxy.js'
import { etcdServer, type EtcdServer } from '../../etcd/server.js'
import { until } from '../until.js'
import type { Measured, Trial } from './trial.js'

const count = 5_000
const ttl = 10
const bin = 100

/** A process with many registrations, and how many of them are registered. */
interface Crowd {
  readonly registered: () => number
  readonly process: Program
}

const crowd = (which: string, hosts: string, prefix: string): Crowd => {
  const process = program('test/chaos/load/herd.program.ts', [which, hosts, prefix, String(count), String(ttl)])
  let registered = 0
  const readLines = async (): Promise<void> => {
    for (;;) registered = (JSON.parse(await process.line()) as { readonly registered: number }).registered
  }
  void readLines().catch(() => undefined)
  return { registered: () => registered, process }
}

/** How many requests etcd got: calls, and messages on keep-alive streams. */
const requests = async (endpoint: string): Promise<number> => {
  const text = await (await fetch(`${endpoint}/metrics`, { signal: AbortSignal.timeout(5_000) })).text()
  return sumOf(text, 'grpc_server_started_total') + sumOf(text, 'grpc_server_msg_received_total', 'grpc_method="LeaseKeepAlive"')
}

/** Reads the number of requests ten times a second, or as often as etcd answers. The result is to be called at the end. */
const watchRate = (endpoint: string) => {
  const samples: { readonly at: number; readonly count: number }[] = []
  let running = true
  const loop = async (): Promise<void> => {
    for (let next = performance.now(); running; ) {
      const count = await requests(endpoint).catch(() => undefined)
      if (count !== undefined) samples.push({ at: performance.now(), count })
      next += bin
      await sleep(Math.max(0, next - performance.now()))
    }
  }
  const done = loop()
  return async (): Promise<{ readonly peak: number; readonly total: number }> => {
    running = false
    await done
    const rates = samples.map(({ at, count }, index) => {
      const before = samples[index - 1]
      return before === undefined ? 0 : (count - before.count) / ((at - before.at) / 1_000)
    })
    return { peak: Math.round(Math.max(0, ...rates)), total: (samples.at(-1)?.count ?? 0) - (samples[0]?.count ?? 0) }
  }
}

type Fault = (etcd: EtcdServer, network: { readonly cut: () => Promise<void>; readonly mend: () => Promise<void> }) => Promise<void>

const play = async (which: 'ours' | 'stock', fault: Fault): Promise<Measured> => {
  const etcd = await etcdServer()
  const proxy = await faultProxy(etcd.endpoint)
  const { registered, process } = crowd(which, proxy.endpoint, `herd-${which}`)
  try {
    const all = (): true | undefined => (registered() === count ? true : undefined)
    const began = performance.now()
    if (!(await until(all, 120_000, 10))) return { 'time to register all': `only ${registered()} of ${count} within 2 minutes`, problem: `only ${registered()} of ${count} were registered within 2 minutes` }
    const took = performance.now() - began
    await sleep(2_000)
    await fault(etcd, { cut: proxy.refuse, mend: proxy.accept })
    const rate = watchRate(etcd.endpoint)
    const returned = performance.now()
    let lowest = registered()
    let back = 0
    const watching = setInterval(() => {
      lowest = Math.min(lowest, registered())
      if (registered() < count) back = performance.now() - returned
    }, 10)
    // Longer than the TTL: a registration that is not renewed loses its key in this time, whatever the process reports.
    await sleep((ttl + 5) * 1_000)
    const complete = await until(all, 60_000, 10)
    clearInterval(watching)
    const { peak, total } = await rate()
    const keys = await etcd.client().getAll().prefix(`/rx-discovery/herd-${which}/`).count()
    const text = !complete
      ? `${count - registered()} never`
      : keys < count
        ? `never: ${count - keys} are reported as registered, but are not in etcd`
        : back === 0 ? 'at once' : `after ${(back / 1_000).toFixed(1)} s`
    return {
      'time to register all': `${(took / 1_000).toFixed(1)} s`,
      'lost during the fault': String(count - lowest),
      'all registered again': text,
      'keys in etcd': String(keys),
      'requests after the fault': `${total}, at most ${peak} a second`,
      ...(which === 'ours' && (!complete || keys !== count) ? { problem: `registered again: ${text}; ${keys} keys in etcd instead of ${count}` } : {}),
    }
  } finally {
    process.write('end')
    await Promise.race([process.ended, sleep(20_000, undefined, { ref: false })])
    process.signal('SIGKILL')
    await proxy.close()
    await etcd.close()
  }
}

const trial = (name: string, fault: Fault): Trial => ({ name, run: async () => ({ ours: await play('ours', fault), stock: await play('stock', fault) }) })

/** Thousands of registrations in one process that must all register again at once. */
export const herd: readonly Trial[] = [
  trial(`${count} registrations, etcd restarted`, async etcd => {
    await etcd.kill()
    await etcd.start()
  }),
  trial(`${count} registrations, cut off for longer than the TTL`, async (_, { cut, mend }) => {
    await cut()
    await sleep((ttl + 4) * 1_000)
    await mend()
  }),
]
