import { setTimeout as sleep } from 'node:timers/promises'
import type { Etcd3 } from 'etcd3'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import { openIn } from './metrics.js'
import { own } from './own.js'
import { program, type Program } from './program.js'
import { etcdServer, type EtcdServer } from './server.js'

let etcd: EtcdServer
let admin: Etcd3
beforeEach(async () => {
  etcd = own(await etcdServer(), it => it.close())
  admin = etcd.client()
})

const start = (...args: readonly string[]): Program => own(program('test/etcd/exit.program.ts', [etcd.endpoint, ...args]), it => it.signal('SIGKILL'))
/** Reads the lines up to `last`, none of which may report an uncaught error. */
const linesTo = async (child: Program, last: string, before: readonly string[] = []): Promise<readonly string[]> => {
  const line = await child.line()
  expect(line).not.toMatch(/^(unhandled|uncaught)/)
  const all = [...before, line]
  return all.at(-1) === last ? all : linesTo(child, last, all)
}
const isRegistered = async (): Promise<boolean> => (await admin.get('/rx-discovery/exit/node').string()) !== null
const leases = async (): Promise<number> => (await admin.leaseClient.leaseLeases()).leases.length
const cleanExit = { code: 0, signal: null, complaint: '', output: [] }
/** How the process ended, which must happen within `ms`. */
const endOf = async (child: Program, ms: number) => {
  const begin = performance.now()
  const end = await child.ended
  expect(performance.now() - begin).toBeLessThan(ms)
  const output = await child.rest()
  expect(output.filter(line => /^(unhandled|uncaught)/.test(line))).toEqual([])
  // On a busy machine the lease may have been lost and granted again meanwhile.
  return { ...end, output: output.filter(line => line !== 'registered') }
}

describe('a program that only registers', () => {
  it('keeps running, and is registered', async () => {
    const child = start('register')
    await linesTo(child, 'registered')
    await sleep(3_000)
    expect([child.running(), await isRegistered()]).toEqual([true, true])
  })

  it('ends at once and leaves no registration when it unsubscribes and closes', async () => {
    const child = start('register')
    await linesTo(child, 'registered')
    child.write('unsubscribe')
    child.write('close')
    await linesTo(child, 'closed')
    expect([await isRegistered(), await leases()]).toEqual([false, 0])
    expect(await endOf(child, 1_000)).toEqual(cleanExit)
  })

  it('ends when it unsubscribes without closing', async () => {
    const child = start('register')
    await linesTo(child, 'registered')
    child.write('unsubscribe')
    expect(await endOf(child, 1_000)).toEqual(cleanExit)
    expect([await isRegistered(), await leases()]).toEqual([false, 0])
  })

  it('emits `revoked`, completes and ends when it closes without unsubscribing', async () => {
    const child = start('register')
    await linesTo(child, 'registered')
    child.write('close')
    // There may have been one more renewal.
    expect((await linesTo(child, 'closed')).filter(line => line !== 'registered')).toEqual(['revoked', 'complete', 'closed'])
    expect([await isRegistered(), await leases()]).toEqual([false, 0])
    expect(await endOf(child, 1_000)).toEqual(cleanExit)
  })

  it('drains, is revoked and ends by itself on SIGTERM, with `until`', async () => {
    const child = start('until')
    await linesTo(child, 'registered')
    child.signal('SIGTERM')
    // There may have been one more renewal.
    expect((await linesTo(child, 'complete')).filter(line => line !== 'registered')).toEqual(['draining', 'revoked', 'complete'])
    expect([await isRegistered(), await leases()]).toEqual([false, 0])
    expect(await endOf(child, 1_000)).toEqual(cleanExit)
  })

  it('ends at once if etcd was never reachable, since no lease can have been granted', async () => {
    await etcd.kill()
    const child = start('register')
    await linesTo(child, 'lost')
    child.write('close')
    await linesTo(child, 'closed')
    expect(await endOf(child, 2_000)).toEqual(cleanExit)
  })

  it.each(['killed', 'frozen'])('ends within endWithin and the timeout of close on SIGTERM if etcd is %s, however long the TTL is', async how => {
    const child = start('until', '60')
    await linesTo(child, 'registered')
    if (how === 'killed') await etcd.kill()
    else etcd.freeze()
    const begin = performance.now()
    child.signal('SIGTERM')
    await linesTo(child, 'complete')
    expect(performance.now() - begin).toBeLessThan(2_500)
    child.write('close')
    await linesTo(child, 'closed')
    expect(performance.now() - begin).toBeLessThan(5_000)
    expect(await endOf(child, 2_000)).toEqual(cleanExit)
    if (how === 'frozen') etcd.thaw()
  })

  it('ends when the TTL has passed if etcd does not come back', async () => {
    const ttl = 3
    const child = start('register', String(ttl))
    await linesTo(child, 'registered')
    await etcd.kill()
    child.write('unsubscribe')
    child.write('close')
    const begin = performance.now()
    await linesTo(child, 'closed')
    expect(performance.now() - begin).toBeLessThan(ttl * 1_000 + 1_000)
    expect(await endOf(child, 1_000)).toEqual(cleanExit)
  })
})

describe('a program whose hosts never come', () => {
  const started = (mode: string): Program => own(program('test/etcd/exit.program.ts', ['never', mode]), it => it.signal('SIGKILL'))

  it.each(['register', 'discover'])('ends when what it %ss is unsubscribed, and does not wait for the hosts', async mode => {
    const child = started(mode)
    await linesTo(child, mode === 'register' ? 'registering' : 'pending')
    child.write('unsubscribe')
    // Retries may have printed more lines.
    expect(await endOf(child, 1_000)).toMatchObject({ code: 0, signal: null, complaint: '' })
  })

  it('closes and ends at once while its lease waits for them, since no grant was sent', async () => {
    const child = started('register')
    await linesTo(child, 'registering')
    const begin = performance.now()
    child.write('close')
    await linesTo(child, 'closed')
    expect(performance.now() - begin).toBeLessThan(1_000)
    expect(await endOf(child, 1_000)).toMatchObject({ code: 0, signal: null, complaint: '' })
  })
})

describe('a program that only discovers', () => {
  it('keeps running while etcd is down; ends when it unsubscribes, and leaves no watcher', async () => {
    const child = start('discover')
    expect(await linesTo(child, 'live')).toEqual(['pending', 'live'])
    await etcd.kill()
    await linesTo(child, 'stale')
    await sleep(2_000)
    expect(child.running()).toBe(true)
    await etcd.start()
    await linesTo(child, 'live')
    child.write('unsubscribe')
    // Retries may have printed more lines.
    expect(await endOf(child, 1_000)).toMatchObject({ code: 0, signal: null, complaint: '' })
    await vi.waitFor(async () => expect(await openIn(etcd.endpoint)).toEqual({ watchers: 0, watchStreams: 0, keepAliveStreams: 0 }))
  })

  it('waits for an etcd that was never reachable, and ends when it unsubscribes and closes', async () => {
    await etcd.kill()
    const child = start('discover')
    await linesTo(child, 'pending')
    await sleep(1_500)
    expect(child.running()).toBe(true)
    // Both commands in one write: after `unsubscribe` alone, the process may end before it reads `close`.
    child.write('unsubscribe\nclose')
    const output = await linesTo(child, 'closed')
    expect([...new Set(output)]).toEqual(['pending', 'closed'])
    expect(await endOf(child, 1_000)).toEqual(cleanExit)
  })
})
