import { Etcd3 } from 'etcd3'
import { getContainerRuntimeClient } from 'testcontainers'
import { describe, expect, it } from 'vitest'
import { etcdContainer } from 'rx-discovery/containers'
import { own } from '../etcd/own.js'
import { registeredAndDiscovered } from '../etcd/registered-and-discovered.js'
import { metricOf } from './metric-of.js'

const patience = { timeout: 60_000 }
const etcdOf = async (...options: Parameters<typeof etcdContainer>) => own(await etcdContainer(...options), it => it.stop())

/** What a request says that gets no answer: refused, or still waiting. */
const refusal = (host = ''): Promise<unknown> =>
  fetch(`${host}/version`, { signal: AbortSignal.timeout(2_000) }).then(
    () => 'answered',
    (error: unknown) => ((error as Error).name === 'TimeoutError' ? 'silent' : 'refused'),
  )

/** The containers, running or not, whose command has this word. */
const containersWith = async (word: string): Promise<readonly string[]> => {
  const { container } = await getContainerRuntimeClient()
  const all = await container.dockerode.listContainers({ all: true })
  return all.filter(({ Command }) => Command.includes(word)).map(({ Id }) => Id)
}

describe('etcdContainer', () => {
  it('serves a set to clients on the host', async () => {
    const etcd = await etcdOf()
    const { sets, errors } = registeredAndDiscovered({ hosts: etcd.hosts })
    await expect.poll(() => sets.at(-1), patience).toMatchObject({ status: 'live', size: 1 })
    expect(errors).toEqual([])
  })

  it('kill refuses connections, so that a set is stale; started again, etcd has its data and its endpoint, and the set is live', async () => {
    const etcd = await etcdOf()
    const client = own(new Etcd3({ hosts: [...etcd.hosts] }), it => it.close())
    await client.put('/rx-discovery/web/kept').value('{"v":1,"address":"10.0.0.2:8080"}')
    const { sets, errors } = registeredAndDiscovered({ hosts: etcd.hosts })
    await expect.poll(() => sets.at(-1), patience).toMatchObject({ status: 'live', size: 2 })

    const start = await etcd.kill()
    expect(await refusal(etcd.hosts[0])).toBe('refused')
    await expect.poll(() => sets.at(-1), patience).toMatchObject({ status: 'stale', size: 2 })
    await start()
    await expect.poll(() => sets.at(-1), patience).toMatchObject({ status: 'live', size: 2 })
    expect(sets.at(-1)?.has('kept')).toBe(true)
    expect(errors).toEqual([])
  })

  it('pause leaves connections open and answers nothing, so that a set is stale until it goes on', async () => {
    const etcd = await etcdOf()
    const { sets, errors } = registeredAndDiscovered({ hosts: etcd.hosts })
    await expect.poll(() => sets.at(-1), patience).toMatchObject({ status: 'live', size: 1 })

    const resume = await etcd.pause()
    expect(await refusal(etcd.hosts[0])).toBe('silent')
    await expect.poll(() => sets.at(-1), patience).toMatchObject({ status: 'stale', size: 1 })
    await resume()
    await expect.poll(() => sets.at(-1), patience).toMatchObject({ status: 'live', size: 1 })
    expect(errors).toEqual([])
  })

  it('expires a lease that nothing renews', async () => {
    const etcd = await etcdOf()
    const client = own(new Etcd3({ hosts: [...etcd.hosts] }), it => it.close())
    const { sets } = registeredAndDiscovered({ hosts: etcd.hosts })
    const { ID } = await client.leaseClient.leaseGrant({ TTL: 1 })
    await client.put('/rx-discovery/web/mortal').lease(ID).value('{"v":1,"address":"10.0.0.2:8080"}')
    await expect.poll(() => sets.some(set => set.has('mortal')), patience).toBe(true)
    await expect.poll(() => sets.at(-1)?.has('mortal'), patience).toBe(false)
    await expect.poll(() => sets.at(-1), patience).toMatchObject({ status: 'live', size: 1 })
  })

  it('restart starts another process at the same endpoint', async () => {
    const etcd = await etcdOf()
    const began = (): Promise<number> => metricOf(etcd, 'process_start_time_seconds')
    const before = await began()
    await etcd.restart()
    expect(await began()).toBeGreaterThan(before)
  })

  it('passes flags on', async () => {
    const etcd = await etcdOf({ flags: ['--quota-backend-bytes=16777216'] })
    expect(await metricOf(etcd, 'etcd_server_quota_backend_bytes')).toBe(16_777_216)
  })

  it('has levers that can be pulled twice, and undone in any order', async () => {
    const etcd = await etcdOf()
    const resume = await etcd.pause()
    await etcd.pause()
    const start = await etcd.kill()
    await etcd.kill()
    await start()
    await start()
    await resume()
    expect(await refusal(etcd.hosts[0])).toBe('answered')
  })

  it.each(['killed', 'paused'])('is removed when it is %s, and may be stopped twice', async state => {
    const etcd = await etcdOf({ flags: ['--snapshot-count=98765'] })
    expect(await containersWith('98765')).toEqual([etcd.id])
    await (state === 'killed' ? etcd.kill() : etcd.pause())
    await etcd.stop()
    await etcd.stop()
    expect(await containersWith('98765')).toEqual([])
  })

  it('is stopped at the end of its block with `await using`', async () => {
    const etcd = await etcdContainer()
    await etcd[Symbol.asyncDispose]()
    expect(await refusal(etcd.hosts[0])).toBe('refused')
  })
})

describe('an etcd that does not start', () => {
  it('with a flag that it does not know, shows what etcd says, and leaves no container', async () => {
    await expect(etcdContainer({ flags: ['--no-such-flag'] })).rejects.toThrow(/^etcd ended with exit code 2 and printed: flag provided but not defined: -no-such-flag \(/)
    expect(await containersWith('no-such-flag')).toEqual([])
  })
  it('in time, is reported, and leaves no container', async () => {
    // It waits for a member that does not exist.
    const flags = ['--initial-cluster=etcd=http://etcd:2380,missing=http://missing:2380', '--snapshot-count=45678']
    await expect(etcdContainer({ startWithin: 500, flags })).rejects.toThrow(/^etcd at http:\S+ did not answer within 500 ms and printed: /)
    expect(await containersWith('45678')).toEqual([])
  })
  it('since there is no such image, names the image and how to find out more', async () => {
    await expect(etcdContainer({ image: 'registry.invalid/etcd:v0' })).rejects.toThrow(/^the engine does not have the image registry.invalid\/etcd:v0 and cannot pull it: .*\(try docker pull/s)
  })
})
