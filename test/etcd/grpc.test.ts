import { Client, credentials, Metadata, type ChannelOptions, type ServiceError, status as codes } from '@grpc/grpc-js'
import { firstValueFrom, filter } from 'rxjs'
import { describe, expect, it, vi } from 'vitest'
import { discover } from 'rx-discovery'
import { etcdRegistry } from 'rx-discovery/etcd'
import { registerLoadBalancer, registerResolver } from 'rx-discovery/grpc'
import { table } from '../../bench/results-table.js'
import { dnsServer } from './dns-server.js'
import { own } from './own.js'
import { freePort } from './provision-binary.js'
import { program, type Program } from './program.js'
import { etcdServer } from './server.js'

// Without this, grpc-js asks the resolver of the system, which knows no name for three addresses.
vi.hoisted(() => (process.env['GRPC_NODE_USE_ALTERNATIVE_RESOLVER'] = 'true'))

const identity = (bytes: Buffer): Buffer => bytes
const hosts = ['127.0.0.1', '127.0.0.2', '127.0.0.3']

/** Calls of one client a second, of which one in five is a stream. */
const rate = 50

/** How long etcd is away, ms: OUTAGE=30000 for a long one. */
const outage = Number(process.env['OUTAGE'] ?? 3_000)

const retryPolicy = { maxAttempts: 5, initialBackoff: '0.05s', maxBackoff: '0.5s', backoffMultiplier: 2, retryableStatusCodes: ['UNAVAILABLE'] }
const configured = (policy: string, retries: boolean): ChannelOptions => ({
  'grpc.service_config': JSON.stringify({ loadBalancingConfig: [{ [policy]: {} }], methodConfig: retries ? [{ name: [{ service: 'test.Greeter' }], retryPolicy }] : [] }),
  'grpc.use_local_subchannel_pool': 1,
})

interface Failure {
  readonly phase: string
  readonly kind: 'unary' | 'stream'
  readonly code: codes
  readonly details: string
  readonly peer: string
  readonly startedAt: number
  readonly failedAt: number
}

/** Calls at a steady rate, of which it remembers who answered and which failed. */
const load = (name: string, client: Client, phase: () => string) => {
  const [failures, answers, calls] = [[] as Failure[], [] as string[], new Map<string, number>()]
  const count = (): void => void calls.set(phase(), (calls.get(phase()) ?? 0) + 1)
  let open = 0
  const failed = (kind: Failure['kind'], startedAt: number, { code, details }: ServiceError, peer: string): void =>
    void failures.push({ phase: phase(), kind, code, details, peer, startedAt, failedAt: performance.now() })
  const unary = (): void => {
    const startedAt = performance.now()
    open += 1
    count()
    const call = client.makeUnaryRequest('/test.Greeter/Hello', identity, identity, Buffer.alloc(0), new Metadata(), { deadline: Date.now() + 10_000 }, (error: ServiceError | null, by?: Buffer) => {
      open -= 1
      if (error === null) answers.push(String(by))
      else failed('unary', startedAt, error, call.getPeer())
    })
  }
  const stream = (): void => {
    const startedAt = performance.now()
    open += 1
    const call = client.makeServerStreamRequest('/test.Greeter/Follow', identity, identity, Buffer.alloc(0))
    call.on('data', () => undefined).on('status', () => (open -= 1))
    call.on('error', error => failed('stream', startedAt, error as ServiceError, call.getPeer()))
  }
  // a busy machine delays timers, and the rate has to stay the same
  const begin = performance.now()
  let made = 0
  const catchUp = (): void => {
    for (const due = ((performance.now() - begin) * rate) / 1000; made < due; made += 1)
      if (made % 5 === 0) stream()
      else unary()
  }
  const timer = own(setInterval(catchUp, 5), clearInterval)
  const stop = async (): Promise<void> => {
    clearInterval(timer)
    await vi.waitFor(() => expect(open).toBe(0), 20_000)
  }
  return { name, failures, answers, calls, stop }
}

describe('three gRPC servers, and clients with unary and streaming calls', () => {
  it('lose no unary call to restarts with drain, a kill and an outage of etcd, but those in flight to the killed server if there are no retries', { timeout: 300_000 + outage }, async () => {
    const etcd = own(await etcdServer(), it => it.close())
    const registry = own(etcdRegistry({ hosts: etcd.endpoint }), it => it.close())
    registerResolver(registry, { scheme: 'etcd' })
    registerLoadBalancer()

    const port = await freePort()
    const dns = own(await dnsServer(hosts), it => it.close())
    const start = async (index: number, run: number): Promise<Program> => {
      const server = own(program('test/etcd/greeter.program.ts', [etcd.endpoint, 'abc'[index] ?? '', `${hosts[index] ?? ''}:${port}`, String(run)]), it => it.signal('SIGKILL'))
      for (let line = await server.line(); line !== 'registered'; line = await server.line()) expect(line).not.toMatch(/^(unhandled|uncaught|Error)/)
      return server
    }
    const servers = await Promise.all(hosts.map((_, index) => start(index, 1)))

    let phase = 'warm-up'
    const clientOf = (target: string, options: ChannelOptions): Client => own(new Client(target, credentials.createInsecure(), options), it => it.close())
    const loads = [
      load('etcd:, peak EWMA, retries', clientOf('etcd:///shop/greeter', configured('rx_discovery_peak_ewma', true)), () => phase),
      load('etcd:, peak EWMA', clientOf('etcd:///shop/greeter', configured('rx_discovery_peak_ewma', false)), () => phase),
      load('dns:, round_robin, retries', clientOf(`dns://${dns.authority}/greeter.test:${port}`, configured('round_robin', true)), () => phase),
      load('dns:, round_robin', clientOf(`dns://${dns.authority}/greeter.test:${port}`, configured('round_robin', false)), () => phase),
    ] as const
    const [retrying, plain] = loads
    const ours = [retrying, plain]
    /** Waits until both of our clients were answered by this run of a server. */
    const answersBy = (by: string): Promise<void> =>
      vi.waitFor(() => expect(ours.map(({ answers }) => answers.slice(-200).includes(by))).toEqual([true, true]), { timeout: 30_000, interval: 20 })
    for (const by of ['a1', 'b1', 'c1']) await answersBy(by)

    phase = 'rolling restart'
    for (const index of [0, 1, 2]) {
      servers[index]?.signal('SIGTERM')
      expect(await servers[index]?.ended).toMatchObject({ code: 0, signal: null })
      servers[index] = await start(index, 2)
      await answersBy(`${'abc'[index] ?? ''}2`)
    }

    phase = 'kill -9'
    servers[0]?.signal('SIGKILL')
    await servers[0]?.ended
    const before = ours.map(({ answers }) => answers.length)
    await vi.waitFor(() => expect(ours.every(({ answers }, index) => answers.length > (before[index] ?? 0) + 100)).toBe(true), { timeout: 30_000 })
    servers[0] = await start(0, 3)
    await answersBy('a3')

    phase = 'etcd away'
    const sets = discover(registry, 'shop/greeter')
    const following = own(sets.subscribe(), it => it.unsubscribe())
    await firstValueFrom(sets.pipe(filter(({ status }) => status === 'live')))
    await etcd.kill()
    const away = performance.now()
    await firstValueFrom(sets.pipe(filter(({ status }) => status === 'stale')))
    await vi.waitFor(() => expect(performance.now() - away).toBeGreaterThan(outage), { timeout: outage + 30_000 })
    for (const { answers } of ours) expect(new Set(answers.slice(-100))).toEqual(new Set(['a3', 'b2', 'c2']))
    await etcd.start()
    await firstValueFrom(sets.pipe(filter(({ status, size }) => status === 'live' && size === 3)))
    following.unsubscribe()
    phase = 'after it'
    const after = ours.map(({ answers }) => answers.length)
    await vi.waitFor(() => expect(ours.every(({ answers }, index) => answers.length > (after[index] ?? 0) + 100)).toBe(true), { timeout: 30_000 })
    await Promise.all(loads.map(({ stop }) => stop()))

    const phases = ['rolling restart', 'kill -9', 'etcd away', 'after it']
    const of = ({ failures }: (typeof loads)[number], kind: Failure['kind'], at: string): number => failures.filter(one => one.kind === kind && one.phase === at).length
    table('Failed calls: unary / streams (of unary calls)', [
      ['', ...phases],
      ...loads.map(one => [one.name, ...phases.map(at => `${of(one, 'unary', at)} / ${of(one, 'stream', at)} (${one.calls.get(at) ?? 0})`)]),
    ])
    expect(retrying.failures.filter(({ kind }) => kind === 'unary')).toEqual([])
    const first = Math.min(...plain.failures.map(({ failedAt }) => failedAt))
    // What failed was under way to the killed server when its connection broke. A call that was not yet on the wire has no peer.
    const killed = [`${hosts[0] ?? ''}:${port}`, 'unknown']
    expect(plain.failures.filter(({ phase: at, peer, startedAt }) => at !== 'kill -9' || !killed.includes(peer) || startedAt > first)).toEqual([])
  })
})
