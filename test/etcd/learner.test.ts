import { filter, firstValueFrom, NEVER, type Observable } from 'rxjs'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { discover, register, type Registration } from 'rx-discovery'
import { etcdRegistry } from 'rx-discovery/etcd'
import { connect } from '../../src/edge/etcd/connection/members.js'
import type { Member } from '../../src/edge/etcd/connection/member.js'
import { etcdLearner, etcdServer, type EtcdServer } from './server.js'

describe('a learner among the hosts', () => {
  let voter: EtcdServer
  let learner: EtcdServer
  beforeAll(async () => {
    voter = await etcdServer()
    learner = await etcdLearner(voter)
  })
  afterAll(async () => {
    await learner.close()
    await voter.close()
  })

  it.each<[string, (member: Member) => Observable<unknown>]>([
    ['call', member => member.call((client, options) => client.kv.range({ key: Buffer.from('/learner') }, options))],
    ['watch stream', member => member.stream((client, options) => client.watchClient.watch(options) as never, NEVER)],
    ['keep-alive stream', member => member.stream((client, options) => client.leaseClient.leaseKeepAlive(options) as never, NEVER)],
  ])('11.9 refuses a %s with an error that names the learner, and the next one goes to the next host', async (_, use) => {
    const members = connect({ hosts: [learner.endpoint, voter.endpoint], random: () => 0 })
    const refused = { name: 'Disconnected', host: learner.endpoint, message: expect.stringContaining(`${learner.endpoint} is a learner`) as unknown }
    await expect(firstValueFrom(members.on(use))).rejects.toMatchObject(refused)
    await firstValueFrom(members.on(member => member.call((client, options) => client.kv.range({ key: Buffer.from('/learner') }, options))))
    members.close()
  })

  it('11.9 does not keep an instance from being registered, renewed and discovered', async () => {
    const registry = etcdRegistry({ hosts: [learner.endpoint, voter.endpoint], random: () => 0 })
    const states: Registration[] = []
    const registration = register(registry, { service: 'web', id: 'node', address: '10.0.0.1:8080' }, { ttl: 3 }).subscribe(state => states.push(state))
    await firstValueFrom(discover(registry, 'web').pipe(filter(set => set.status === 'live' && set.has('node'))))
    await vi.waitUntil(() => states.some(state => state.status === 'registered' && state.renewals >= 3), 20_000)
    registration.unsubscribe()
    await registry.close()
  })
})
