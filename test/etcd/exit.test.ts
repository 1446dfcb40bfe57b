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
/** Its lines up to `last`, none of which may tell of an error that nobody caught. */
const said = async (child: Program, last: string, before: readonly string[] = []): Promise<readonly string[]> => {
  const line = await child.line()
  expect(line).not.toMatch(/^(unhandled|uncaught)/)
  const all = [...before, line]
  return all.at(-1) === last ? all : said(child, last, all)
}
const isRegistered = async (): Promise<boolean> => (await admin.get('/rx-discovery/exit/node').string()) !== null
const leases = async (): Promise<number> => (await admin.leaseClient.leaseLeases()).leases.length
const peacefully = { code: 0, signal: null, complaint: '', output: [] }
/** How it ended, after at most `ms`. */
const ends = async (child: Program, ms: number) => {
  const begin = performance.now()
  const end = await child.ended
  expect(performance.now() - begin).toBeLessThan(ms)
  const output = await child.rest()
  expect(output.filter(line => /^(unhandled|uncaught)/.test(line))).toEqual([])
  return { ...end, output }
}

describe('a program that only registers', () => {
  it('keeps running, and is registered', async () => {
    const child = start('register')
    await said(child, 'registered')
    await sleep(3_000)
    expect([child.running(), await isRegistered()]).toEqual([true, true])
  })

  it('ends at once when it unsubscribes and closes, and is registered no more', async () => {
    const child = start('register')
    await said(child, 'registered')
    child.write('unsubscribe')
    child.write('close')
    await said(child, 'closed')
    expect([await isRegistered(), await leases()]).toEqual([false, 0])
    expect(await ends(child, 1_000)).toEqual(peacefully)
  })

  it('ends when it unsubscribes, closed or not', async () => {
    const child = start('register')
    await said(child, 'registered')
    child.write('unsubscribe')
    expect(await ends(child, 1_000)).toEqual(peacefully)
    expect([await isRegistered(), await leases()]).toEqual([false, 0])
  })

  it('is told that it was revoked when it is closed without more ado, and ends', async () => {
    const child = start('register')
    await said(child, 'registered')
    child.write('close')
    expect(await said(child, 'closed')).toEqual(['revoked', 'complete', 'closed'])
    expect([await isRegistered(), await leases()]).toEqual([false, 0])
    expect(await ends(child, 1_000)).toEqual(peacefully)
  })

  it('with `until` its SIGTERM: says that it drains, is revoked, and ends by itself', async () => {
    const child = start('until')
    await said(child, 'registered')
    child.signal('SIGTERM')
    // It may have been renewed once more.
    expect((await said(child, 'complete')).filter(line => line !== 'registered')).toEqual(['draining', 'revoked', 'complete'])
    expect([await isRegistered(), await leases()]).toEqual([false, 0])
    expect(await ends(child, 1_000)).toEqual(peacefully)
  })

  it('ends at once when etcd was never there: nothing can have been granted', async () => {
    await etcd.kill()
    const child = start('register')
    await said(child, 'lost')
    child.write('close')
    await said(child, 'closed')
    expect(await ends(child, 2_000)).toEqual(peacefully)
  })

  it('ends when etcd is gone for good, once the lease is dead', async () => {
    const ttl = 3
    const child = start('register', String(ttl))
    await said(child, 'registered')
    await etcd.kill()
    child.write('unsubscribe')
    child.write('close')
    const begin = performance.now()
    await said(child, 'closed')
    expect(performance.now() - begin).toBeLessThan(ttl * 1_000 + 1_000)
    expect(await ends(child, 1_000)).toEqual(peacefully)
  })
})

describe('a program that only discovers', () => {
  it('keeps running, also while etcd is away; ends when it unsubscribes, and leaves no watcher', async () => {
    const child = start('discover')
    expect(await said(child, 'live')).toEqual(['pending', 'live'])
    await etcd.kill()
    await said(child, 'stale')
    await sleep(2_000)
    expect(child.running()).toBe(true)
    await etcd.start()
    await said(child, 'live')
    child.write('unsubscribe')
    // While it tried, it may have said 'stale' more than once.
    expect(await ends(child, 1_000)).toMatchObject({ code: 0, signal: null, complaint: '' })
    await vi.waitFor(async () => expect(await openIn(etcd.endpoint)).toEqual({ watchers: 0, watchStreams: 0, keepAliveStreams: 0 }))
  })

  it('waits for an etcd that was never there, and ends all the same', async () => {
    await etcd.kill()
    const child = start('discover')
    await said(child, 'pending')
    await sleep(1_500)
    expect(child.running()).toBe(true)
    // In one, since unsubscribed it may end before it hears more.
    child.write('unsubscribe\nclose')
    const output = await said(child, 'closed')
    expect([...new Set(output)]).toEqual(['pending', 'closed'])
    expect(await ends(child, 1_000)).toEqual(peacefully)
  })
})
