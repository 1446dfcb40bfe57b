import { firstValueFrom, filter } from 'rxjs'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { discover, register, type Registration } from 'rx-discovery'
import { etcdRegistry } from 'rx-discovery/etcd'
import { etcdServer } from './server.js'

describe('etcd with a CORRUPT alarm', () => {
  it('15 renews and lists existing registrations; a new registration is lost with the cause until the alarm is over', async () => {
    const etcd = await etcdServer()
    onTestFinished(etcd.close)
    const registry = etcdRegistry({ hosts: etcd.endpoint })
    onTestFinished(() => registry.close())
    const registering = (id: string): Registration[] => {
      const states: Registration[] = []
      const registration = register(registry, { service: 'web', id, address: '10.0.0.1:8080' }, { ttl: 3 }).subscribe(state => states.push(state))
      onTestFinished(() => registration.unsubscribe())
      return states
    }
    const found = (id: string): Promise<unknown> => firstValueFrom(discover(registry, 'web').pipe(filter(set => set.status === 'live' && set.has(id))))
    const renewals = (states: readonly Registration[]): number =>
      states.reduce((most, state) => (state.status === 'registered' ? Math.max(most, state.renewals) : most), 0)

    const before = registering('before')
    await found('before')
    const { maintenance, kv } = etcd.client()
    const { header } = await kv.range({ key: Buffer.from('/') })
    const alarm = { memberID: header.member_id, alarm: 'Corrupt' } as const
    await maintenance.alarm({ ...alarm, action: 'Activate' })

    const during = registering('during')
    const cause = { name: 'Disconnected', host: etcd.endpoint, message: expect.stringContaining('corrupt cluster') as unknown }
    await vi.waitFor(() => expect(during.at(-1)).toMatchObject({ status: 'lost', cause }))
    const renewalsBefore = renewals(before)
    await vi.waitFor(() => expect(renewals(before)).toBeGreaterThan(renewalsBefore + 3), 20_000)
    await found('before')

    await maintenance.alarm({ ...alarm, action: 'Deactivate' })
    await found('during')
    await vi.waitFor(() => expect(during.at(-1)?.status).toBe('registered'))
    expect([...new Set(before.map(({ status }) => status))]).toEqual(['registering', 'registered'])
  })
})
