import { randomUUID } from 'node:crypto'
import { firstValueFrom } from 'rxjs'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { InvalidArgument, LeaseLost, Taken } from '../../src/core/errors.js'
import type { Entry, Lease, Revision } from '../../src/core/store.js'
import type { Members } from '../../src/edge/etcd/connection/changing-members.js'
import { connect } from '../../src/edge/etcd/connection/members.js'
import { leaseId } from '../../src/edge/etcd/lease/grant.js'
import { put } from '../../src/edge/etcd/range/put.js'
import { plainClient } from './server.js'

describe('put', () => {
  const hosts = inject('etcdEndpoints')
  let members: Members
  let client: ReturnType<typeof plainClient>
  beforeAll(() => {
    members = connect({ hosts })
    client = plainClient({ hosts })
  })
  afterAll(() => {
    members.close()
    client.close()
  })

  const granted = async (): Promise<Lease> => {
    const id = leaseId()
    await client.leaseClient.leaseGrant({ ID: id, TTL: 60 })
    return { id, ttl: 60, expiresAt: 0, renewals: 0 }
  }
  const revoke = (lease: Lease) => client.leaseClient.leaseRevoke({ ID: lease.id })
  const write = (lease: Lease, ...entries: readonly Entry[]): Promise<Revision> => firstValueFrom(put(members, entries, lease))
  const key = (): string => `/${randomUUID()}/é`
  const there = async (at: string) => {
    const { kvs: [kv] } = await client.kv.range({ key: Buffer.from(at) })
    return kv && { value: kv.value.toString(), lease: kv.lease, revision: Number(kv.mod_revision) }
  }

  it('writes under the lease, guarded, and emits the revision', async () => {
    const lease = await granted()
    const at = key()
    const created = await write(lease, { key: at, value: 'übermäßig', expect: 0 })
    expect(await there(at)).toEqual({ value: 'übermäßig', lease: lease.id, revision: created })
    const updated = await write(lease, { key: at, value: '', expect: created })
    expect(await there(at)).toEqual({ value: '', lease: lease.id, revision: updated })
    await write(lease, { key: at, value: null, expect: updated })
    expect(await there(at)).toBeUndefined()
    await revoke(lease)
  })

  it('11.12 errors Taken with the current content, in the order of the entries, and writes nothing', async () => {
    const [ours, theirs] = [await granted(), await granted()]
    const [free, held, plain] = [key(), key(), key()]
    const revision = await write(theirs, { key: held, value: 'theirs', expect: 0 })
    const { header } = await client.kv.put({ key: Buffer.from(plain), value: Buffer.from('of nobody') })
    const entries = [free, held, plain].map(at => ({ key: at, value: 'ours', expect: 0 }))
    await expect(write(ours, ...entries)).rejects.toEqual(
      new Taken([
        { key: free, value: null, lease: '0', revision: 0 },
        { key: held, value: 'theirs', lease: theirs.id, revision },
        { key: plain, value: 'of nobody', lease: '0', revision: Number(header.revision) },
      ]),
    )
    const error = await write(ours, ...entries).catch((reason: unknown) => reason)
    expect((error as Taken).found.map(({ lease }) => lease)).toEqual(['0', theirs.id, '0'])
    expect(await there(free)).toBeUndefined()
    await expect(write(ours, { key: free, value: null, expect: revision })).rejects.toBeInstanceOf(Taken)
    await Promise.all([revoke(ours), revoke(theirs)])
    await client.delete().key(plain).exec()
  })

  it('11.12 a put under the old lease that arrives late does not take the key back', async () => {
    const [old, young] = [await granted(), await granted()]
    const at = key()
    const first = await write(old, { key: at, value: '1', expect: 0 })
    await write(young, { key: at, value: '2', expect: first })
    await expect(write(old, { key: at, value: '1', expect: first })).rejects.toBeInstanceOf(Taken)
    await revoke(old)
    expect(await there(at)).toMatchObject({ value: '2', lease: young.id })
    await revoke(young)
  })

  it('11.12 moves a key in one transaction', async () => {
    const lease = await granted()
    const [from, to] = [key(), key()]
    const first = await write(lease, { key: from, value: '1', expect: 0 })
    const moved = await write(lease, { key: from, value: null, expect: first }, { key: to, value: '1', expect: 0 })
    expect(await there(from)).toBeUndefined()
    expect(await there(to)).toMatchObject({ revision: moved })
    await revoke(lease)
  })

  it('a dead lease errors LeaseLost, and nothing is written', async () => {
    const [dead, other] = [await granted(), await granted()]
    const [at, mine] = [key(), key()]
    const revision = await write(other, { key: at, value: '1', expect: 0 })
    await revoke(dead)
    await expect(write(dead, { key: at, value: null, expect: revision }, { key: mine, value: '1', expect: 0 })).rejects.toEqual(
      new LeaseLost(dead.id),
    )
    expect(await there(at)).toMatchObject({ revision })
    await revoke(other)
  })

  it.each<[string, (at: string) => Entry[]]>([
    ['more than 1.5 MiB', at => [{ key: at, value: 'x'.repeat(1.5 * 1024 * 1024 + 1), expect: 0 }]],
    ['what etcd does not even receive', at => [{ key: at, value: 'x'.repeat(8 * 1024 * 1024), expect: 0 }]],
    ['more than 128 entries', at => Array.from({ length: 129 }, (_, i) => ({ key: `${at}/${i}`, value: '', expect: 0 }))],
    ['one key twice', at => [{ key: at, value: '1', expect: 0 }, { key: at, value: '2', expect: 0 }]],
    ['an empty key', () => [{ key: '', value: '1', expect: 0 }]],
  ])('K1 refuses %s as InvalidArgument', async (_, entries) => {
    const lease = await granted()
    await expect(write(lease, ...entries(key()))).rejects.toBeInstanceOf(InvalidArgument)
    await revoke(lease)
  })

  it('takes 128 entries, and values of 1 MB', async () => {
    const lease = await granted()
    const at = key()
    await write(lease, ...Array.from({ length: 128 }, (_, i) => ({ key: `${at}/${i}`, value: String(i), expect: 0 })))
    await write(lease, { key: at, value: 'x'.repeat(1_000_000), expect: 0 })
    expect((await there(at))?.value.length).toBe(1_000_000)
    await revoke(lease)
  })
})
