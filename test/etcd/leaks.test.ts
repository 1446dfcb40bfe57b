import { describe, expect, it, vi } from 'vitest'
import { openIn } from './metrics.js'
import { own } from './own.js'
import { program } from './program.js'
import { faultProxy } from './proxy.js'
import { etcdServer } from './server.js'

const times = 10_000

describe(`${times} registrations and ${times} discoveries, each unsubscribed at a random moment`, () => {
  it('leave no lease, no watcher, no timer, no socket, and the process ends by itself', { timeout: 240_000 }, async () => {
    const etcd = own(await etcdServer(), it => it.close())
    const proxy = own(await faultProxy(etcd.endpoint), it => it.close())
    const cutting = setInterval(() => proxy.reset(), 700)
    own(cutting, clearInterval)
    const seed = process.env['SEED'] ?? String(Date.now() % 1_000_000)
    const start = performance.now()
    const child = own(program('test/etcd/leaks.program.ts', [etcd.endpoint, proxy.endpoint, String(times), seed]), it => it.signal('SIGKILL'))

    const counts = JSON.parse(await child.line()) as { readonly registered: number; readonly live: number; readonly errors: readonly string[] }
    const took = performance.now() - start
    clearInterval(cutting)
    console.info(`seed ${seed}: ${counts.registered} registered, ${counts.live} went live, ${Math.round(took)} ms`)
    expect(counts.errors).toEqual([])
    // The moments vary enough if some subscriptions got far and others did not.
    expect(counts.registered).toBeGreaterThan(times / 100)
    expect(counts.registered).toBeLessThan(times)
    expect(counts.live).toBeGreaterThan(times / 100)

    // If the answer to a grant was lost, its lease is revoked after seven seconds. All others are revoked by now.
    const { leaseClient } = etcd.client()
    await vi.waitFor(async () => expect((await leaseClient.leaseLeases()).leases.map(({ ID }) => ID)).toEqual([]), 15_000)
    await vi.waitFor(async () => expect(await openIn(etcd.endpoint)).toEqual({ watchers: 0, watchStreams: 0, keepAliveStreams: 0 }), 5_000)

    child.write('close')
    const left = JSON.parse(await child.line()) as readonly string[]
    // It prints this on the pipes to the test.
    expect(left.filter(resource => resource !== 'PipeWrap')).toEqual([])
    const closed = performance.now()
    expect(await child.ended).toEqual({ code: 0, signal: null, complaint: '' })
    expect(performance.now() - closed).toBeLessThan(1_000)
  })
})
