import { setTimeout as sleep } from 'node:timers/promises'
import { sumOf } from '../../etcd/metrics.js'
import { program, type Program } from '../../etcd/program.js'
import { faultProxy } from '../../etcd/proxy.js'
import { etcdServer, type EtcdServer } from '../../etcd/server.js'
import type { Measured, Trial } from './trial.js'

const count = 5_000
const ttl = 10
const bin = 100

/** How many of its registrations a process says it holds. */
interface Crowd {
  readonly held: () => number
  readonly process: Program
}

const crowd = (which: string, hosts: string, prefix: string): Crowd => {
  const process = program('test/chaos/load/many.program.ts', [which, hosts, prefix, String(count), String(ttl)])
  let held = 0
  const hear = async (): Promise<void> => {
    for (;;) held = (JSON.parse(await process.line()) as { readonly held: number }).held
  }
  void hear().catch(() => undefined)
  return { held: () => held, process }
}

const until = async (holds: () => boolean, within: number): Promise<number | undefined> => {
  const start = performance.now()
  while (!holds()) {
    if (performance.now() - start > within) return undefined
    await sleep(10)
  }
  return performance.now() - start
}

/** Everything that etcd was asked: calls, and messages on keep-alive streams. */
const requests = async (endpoint: string): Promise<number> => {
  const text = await (await fetch(`${endpoint}/metrics`, { signal: AbortSignal.timeout(5_000) })).text()
  return sumOf(text, 'grpc_server_started_total') + sumOf(text, 'grpc_server_msg_received_total', 'grpc_method="LeaseKeepAlive"')
}

/** Asks ten times a second, or as often as etcd answers. */
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

const suffer = async (which: 'ours' | 'stock', fault: Fault): Promise<Measured> => {
  const etcd = await etcdServer()
  const proxy = await faultProxy(etcd.endpoint)
  const { held, process } = crowd(which, proxy.endpoint, `herd-${which}`)
  try {
    const start = await until(() => held() === count, 120_000)
    if (start === undefined) return { all: `only ${held()} of ${count} were ever registered`, problem: `only ${held()} registered` }
    await sleep(2_000)
    await fault(etcd, { cut: proxy.refuse, mend: proxy.accept })
    const rate = watchRate(etcd.endpoint)
    const lowest = { held: held() }
    const watching = setInterval(() => (lowest.held = Math.min(lowest.held, held())), 10)
    // What was never lost has to be renewed all the same, and what only seems to be held is found out by its keys.
    const returned = performance.now()
    let short = 0
    const looking = setInterval(() => {
      if (held() < count) short = performance.now() - returned
    }, 10)
    await sleep((ttl + 5) * 1_000)
    await until(() => held() === count, 60_000)
    const back = held() === count ? short : undefined
    clearInterval(watching)
    clearInterval(looking)
    const { peak, total } = await rate()
    const keys = await etcd.client().getAll().prefix(`/rx-discovery/herd-${which}/`).count()
    const text =
      back === undefined ? `${count - held()} never came back` : keys < count ? `never: ${count - keys} are said to be held, and are not there` : back === 0 ? 'at once' : `after ${(back / 1_000).toFixed(1)} s`
    return {
      'all registered at first after': `${(start / 1_000).toFixed(1)} s`,
      'lost on the way': String(count - lowest.held),
      'all back': text,
      'keys in etcd': String(keys),
      'requests at the return': `${total}, at most ${peak} a second`,
      ...(which === 'ours' && (back === undefined || keys !== count) ? { problem: `${text}; ${keys} keys` } : {}),
    }
  } finally {
    process.write('end')
    await Promise.race([process.ended, sleep(20_000, undefined, { ref: false })])
    process.signal('SIGKILL')
    await proxy.close()
    await etcd.close()
  }
}

const trial = (name: string, fault: Fault): Trial => ({ name, run: async () => ({ ours: await suffer('ours', fault), stock: await suffer('stock', fault) }) })

/** Thousands of registrations of one process that all have to come back at once. */
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
