import { asyncScheduler, timer } from 'rxjs'
import type { Registration } from '../../../core/register/registration.js'
import type { ServiceSet } from '../../../core/sets/service-set.js'
import { discover } from '../../../flow/discovery/discover.js'
import { register } from '../../../flow/registration/register.js'
import type { Case } from '../case.js'
import type { Scene } from '../scene.js'
import { formatOf } from './service.js'

const node = { service: 'web', id: 'node', address: 'localhost:1' }
const ttl = 2
// what `register` needs
const writing = ['lease', 'put', 'remaining'] as const
const start = (scene: Scene) => scene.observe(register(scene.registry, node, { format: formatOf(scene), ttl }))
const is = (status: Registration['status'], after = 0) => (all: readonly Registration[]): boolean => all.length > after && all.at(-1)?.status === status
const seen = (all: readonly Registration[]): ReadonlySet<string> => new Set(all.map(({ status }) => status))
const leaseOf = (all: readonly Registration[]): string => all.reduce((id, state) => (state.status === 'registered' ? state.leaseId : id), '')
const has = (id: string) => (sets: readonly ServiceSet[]): boolean => sets.at(-1)?.status === 'live' && sets.at(-1)?.has(id) === true

/** The laws of registration. */
export const endurance: readonly Case[] = [
  {
    name: 'Law 6 Never give up: a lost lease is replaced, and the instance is registered again',
    needs: [...writing, 'expire'],
    run: async scene => {
      const registration = start(scene)
      const discovered = scene.observe(discover(scene.registry, 'web', { format: formatOf(scene) }))
      const before = await registration.until(is('registered'))
      await discovered.until(has('node'))
      await scene.levers.expire(leaseOf(before))
      const after = await registration.until(all => is('registered', before.length)(all) && leaseOf(all) !== leaseOf(before))
      scene.expect(seen(after).has('lost')).toEqual(true)
      await discovered.until(has('node'))
      await scene.listed(changes => changes.length === 1 && changes[0]?.lease === leaseOf(after))
    },
  },
  {
    name: 'Law 6 Never give up: a lease without answers is lost by the local clock no later than its TTL, and the registration comes back',
    needs: [...writing, 'freeze'],
    run: async scene => {
      const registration = start(scene)
      await registration.until(is('registered'))
      const thaw = scene.release(await scene.levers.freeze())
      const lost = await registration.until(is('lost'))
      const lostAt = asyncScheduler.now()
      const expiresAt = lost.reduce((at, state) => (state.status === 'registered' ? state.expiresAt : at), 0)
      scene.expect(lostAt - expiresAt < 1_000).toEqual(true)
      await thaw()
      await registration.until(is('registered', lost.length))
      await scene.listed(({ length }) => length === 1)
    },
  },
  {
    name: 'Law 7 Self-healing: a key that another client deletes is created again; a key that another client writes is left alone until it is deleted',
    needs: [...writing, 'write'],
    run: async scene => {
      const key = `${scene.prefix}web/node`
      const registration = start(scene)
      const first = await registration.until(is('registered'))
      await scene.levers.write(key, null)
      const second = await registration.until(all => seen(all).has('lost') && is('registered', first.length)(all))
      await scene.levers.write(key, '{"v":1,"address":"localhost:2","status":"down"}')
      const third = await registration.until(is('taken', second.length))
      await scene.all(timer(ttl * 1_000))
      const { changes } = await scene.listed()
      scene.expect(changes.map(({ lease, value }) => [lease, value])).toEqual([['0', '{"v":1,"address":"localhost:2","status":"down"}']])
      await scene.levers.write(key, null)
      await registration.until(is('registered', third.length))
    },
  },
  {
    name: 'Law 8 Nothing leaks: a registration that ends, at whatever moment, leaves no lease and no key',
    needs: [...writing, 'leases'],
    run: async scene => {
      const before = new Set(await scene.levers.leases())
      const ended = Array.from({ length: 40 }, async (_, index) => {
        const registration = scene.observe(register(scene.registry, { ...node, id: `node${index}` }, { format: formatOf(scene), ttl }))
        await scene.all(timer(index))
        registration.stop()
      })
      await Promise.all(ended)
      const left = async (): Promise<readonly string[]> => (await scene.levers.leases()).filter(id => !before.has(id))
      scene.expect(await scene.eventually(left, ({ length }) => length === 0)).toEqual([])
      scene.expect((await scene.listed(({ length }) => length === 0)).changes).toEqual([])
    },
  },
  {
    name: 'Law 9 Nothing crashes: interruptions at any moment reach no error handler',
    needs: [...writing, 'interrupt'],
    run: async scene => {
      const registration = start(scene)
      const discovered = scene.observe(discover(scene.registry, 'web', { format: formatOf(scene) }))
      for (const ms of [0, 1, 3, 10, 30, 100]) {
        await scene.levers.interrupt(ms)
        await scene.all(timer(ms))
      }
      await registration.until(is('registered'))
      await discovered.until(has('node'))
    },
  },
]
