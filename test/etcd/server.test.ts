import type { Etcd3 } from 'etcd3'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, it, onTestFinished } from 'vitest'
import { enableAuth, expiredToken, readerWithToken } from './auth.js'
import { etcdCluster, etcdServer, plainClient, type EtcdServer, type EtcdServerOptions } from './server.js'
import { certificates } from './tls.js'

const opened: { readonly close: () => unknown }[] = []
afterEach(async () => {
  await Promise.all(opened.splice(0).map(one => one.close()))
})
const server = async (options?: EtcdServerOptions): Promise<EtcdServer> => {
  const started = await etcdServer(options)
  opened.push(started)
  return started
}
const soon = (): { deadline: number } => ({ deadline: Date.now() + 1_000 })
const put = (client: Etcd3, value: string): Promise<unknown> => client.put('key').value(value).options(soon()).exec()
const get = (client: Etcd3): Promise<string | null> => client.get('key').options(soon()).string()
const header = (client: Etcd3): Promise<{ revision: string; cluster_id: string }> => client.get('key').exec().then(answer => answer.header)

describe('etcdServer', () => {
  it('keeps its data and its endpoint when it is killed or terminated and started again', async () => {
    const etcd = await server()
    await put(etcd.client(), 'kept')
    await etcd.kill()
    await expect(get(etcd.client())).rejects.toThrow('UNAVAILABLE')
    await etcd.start()
    expect(await get(etcd.client())).toBe('kept')
    await etcd.terminate()
    await etcd.restart()
    expect(await get(etcd.client())).toBe('kept')
  })

  it('restores the data that it saved, with the same cluster id', async () => {
    const etcd = await server()
    await put(etcd.client(), 'old')
    await etcd.save()
    const before = await header(etcd.client())
    await put(etcd.client(), 'new')
    await etcd.restore()
    expect(await get(etcd.client())).toBe('old')
    expect(await header(etcd.client())).toMatchObject({ revision: before.revision, cluster_id: before.cluster_id })
  })

  it('starts without data after a wipe, with the same cluster id or with another one', async () => {
    const etcd = await server()
    await put(etcd.client(), 'gone')
    const before = await header(etcd.client())
    await etcd.wipe()
    expect(await get(etcd.client())).toBe(null)
    expect(await header(etcd.client())).toMatchObject({ revision: '1', cluster_id: before.cluster_id })
    await etcd.wipe('another')
    expect((await header(etcd.client())).cluster_id).not.toBe(before.cluster_id)
  })

  it('answers nothing while it is frozen', async () => {
    const etcd = await server()
    const client = etcd.client()
    await put(client, 'here')
    etcd.freeze()
    await expect(get(client)).rejects.toThrow('DEADLINE_EXCEEDED')
    etcd.thaw()
    await expect.poll(() => get(client).catch(() => undefined), { timeout: 10_000 }).toBe('here')
  })

  it('ends with the process that started it, even after SIGKILL', async () => {
    const script = join(tmpdir(), `etcd-orphan-${process.pid}.mts`)
    const code = `import { etcdServer } from '${new URL('server.ts', import.meta.url).href}'; const { endpoint, dir } = await etcdServer(); console.log(endpoint, dir)`
    writeFileSync(script, code)
    onTestFinished(() => rmSync(script))
    const parent = spawn(process.execPath, ['--import', 'tsx', script], { stdio: ['ignore', 'pipe', 'inherit'] })
    const [endpoint, dir] = String(await once(parent.stdout, 'data')).trim().split(' ')
    expect(existsSync(dir ?? '')).toBe(true)
    const alive = (): Promise<boolean> => fetch(`${endpoint ?? ''}/health`).then(({ ok }) => ok, () => false)
    expect(await alive()).toBe(true)
    parent.kill('SIGKILL')
    await expect.poll(alive, { timeout: 5_000 }).toBe(false)
    await expect.poll(() => existsSync(dir ?? ''), { timeout: 5_000 }).toBe(false)
  })

  it('passes further flags to etcd', async () => {
    const etcd = await server({ flags: ['--max-txn-ops', '1'] })
    const two = etcd.client().if('key', 'Version', '==', 0).then(etcd.client().put('a').value(''), etcd.client().put('b').value('')).commit()
    await expect(two).rejects.toThrow('too many operations')
  })

  it('serves TLS only to clients with a valid certificate of its authority', async () => {
    const { ca, expired, ...rest } = certificates()
    const etcd = await server({ tls: { ca, expired, ...rest } })
    expect(etcd.endpoint).toMatch(/^https:/)
    await put(etcd.client(), 'secret')
    expect(await get(etcd.client())).toBe('secret')
    const bad = [{ rootCertificate: ca }, { rootCertificate: ca, certChain: expired.cert, privateKey: expired.key }, { rootCertificate: certificates().ca }]
    for (const credentials of bad) await expect(get(etcd.client({ credentials }))).rejects.toThrow(/UNAVAILABLE|DEADLINE_EXCEEDED/)
  })

  it.each(['simple', 'jwt'] as const)('authenticates users with %s tokens, which expire', async kind => {
    const etcd = await server({ token: { kind, ttl: 1 } })
    const { user } = await enableAuth(etcd.client(), '/own/')
    await expect(get(etcd.client())).rejects.toThrow('user name is empty')
    const client = etcd.client({ auth: user })
    await client.put('/own/key').value('mine')
    await expect(get(client)).rejects.toThrow('permission denied')
    const answer = await readerWithToken(etcd.client(), etcd.endpoint, user, '/own/key')
    expect(await answer()).toContain(btoa('mine'))
    // Each use of a simple token prolongs it, so the interval is longer than its TTL.
    await expect.poll(answer, { timeout: 20_000, interval: 3_000 }).toMatch(expiredToken)
  })
})

describe('etcdCluster', () => {
  it('works while one of its three members is down', async () => {
    const cluster = await etcdCluster()
    opened.push(cluster)
    expect(cluster.members).toHaveLength(3)
    const [first] = cluster.members
    await first?.kill()
    const client = plainClient({ hosts: cluster.endpoints.slice(1) })
    opened.push(client)
    await expect.poll(() => put(client, 'still').then(() => get(client), () => ''), { timeout: 20_000, interval: 100 }).toBe('still')
    await first?.start()
    expect(await get(first?.client() ?? client)).toBe('still')
  })
})
