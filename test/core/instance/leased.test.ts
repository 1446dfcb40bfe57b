import { Subject } from 'rxjs'
import { describe, expect, it } from 'vitest'
import { changes, discover, leased, native, register, serviceInstance, where, type Format, type ServiceInstance, type ServiceInstanceInput, type ServiceSet } from 'rx-discovery'
import { markedBy } from '../../../src/core/instance/leased.js'
import { keyOf, put, scene, valueOf } from '../../scene.js'

const marks = (set: ServiceSet): string[] => set.toArray().map(instance => `${instance.id} ${'leased' in instance ? String(instance.leased) : 'absent'}`)

describe('an instance whose key has no lease', () => {
  it('is marked, and no other is; where(leased) leaves it out', () =>
    scene(({ registry, see }) => {
      const all = see(discover(registry, 'web'))
      const some = see(discover(registry, 'web').pipe(where(leased)))
      put(registry, 'by-hand')
      see(register(registry, { service: 'web', id: 'node', address: 'node:80' }))
      expect(marks(all.last())).toEqual(['by-hand false', 'node absent'])
      expect(marks(some.last())).toEqual(['node absent'])
      expect(JSON.parse(JSON.stringify(all.last()))).toMatchObject({ instances: [{ id: 'by-hand', leased: false }, { id: 'node' }] })
      expect(all.values.every(set => set.toArray().every(Object.isFrozen))).toBe(true)
    }, { after: 100 }))

  it('loses and gets its mark with the lease of its key, though the value stays the same; otherwise it is the same object', () =>
    scene(({ registry, see }) => {
      const lease = see(registry.lease(10))
      const other = see(registry.lease(10))
      const all = see(discover(registry, 'web'))
      const changed = see(discover(registry, 'web').pipe(changes()))
      const write = (id?: string) => registry.write(keyOf('a'), valueOf('a'), id === undefined ? {} : { lease: id })
      const shownAfter = (id?: string): ServiceInstance | undefined => {
        write(id)
        return all.last().get('a')
      }
      const [bare, again] = [shownAfter(), shownAfter()]
      const [held, renewed] = [shownAfter(lease.last().id), shownAfter(other.last().id)]
      const [bareAgain] = [shownAfter()]
      expect([bare?.leased, held, bareAgain?.leased]).toEqual([false, expect.not.objectContaining({ leased: false }), false])
      expect([again === bare, renewed === held, held === bare]).toEqual([true, true, false])
      expect(all.values.map(marks).slice(2)).toEqual([['a false'], ['a absent'], ['a false']])
      expect(changed.values.map(each => each.map(({ type }) => type))).toEqual([['joined'], ['updated'], ['updated']])
      registry.write(keyOf('a'), null)
    }, { after: 100 }))

  it('is marked the same after a new listing, and keeps its object', () =>
    scene(({ registry, see, advance }) => {
      put(registry, 'a')
      const { last } = see(discover(registry, 'web'))
      const before = last().get('a')
      registry.interrupt()
      advance(2_000)
      expect(last().status).toBe('live')
      expect([last().get('a') === before, before?.leased]).toEqual([true, false])
    }))

  it('registers as one with a lease: the mark is neither read from the input nor written', () =>
    scene(({ registry, see }) => {
      const input = { ...serviceInstance({ service: 'web', id: 'a', address: 'a:80' }), leased: false as const }
      const instances = new Subject<ServiceInstanceInput>()
      see(register(registry, instances))
      instances.next(input)
      expect(registry.entries().map(({ value }) => value)).toEqual([expect.not.stringContaining('leased')])
      expect(see(discover(registry, 'web')).last().toArray().map(leased)).toEqual([true])
      expect(native().encode(input)).not.toContain('leased')
      expect(serviceInstance(input)).not.toHaveProperty('leased')
    }, { after: 100 }))

  it('is marked by the key alone, whatever a value or a format says', () =>
    scene(({ registry, see }) => {
      const lease = see(registry.lease(10))
      registry.write(keyOf('value'), JSON.stringify({ v: 1, address: 'a:80', leased: false }), { lease: lease.last().id })
      const lying: Format = {
        ...native(),
        decode: (...entry) => {
          const read = native().decode(...entry)
          if (read._tag === 'Right' && read.right._tag === 'Some') return { ...read, right: { ...read.right, value: { ...read.right.value, leased: false } } }
          return read
        },
      }
      for (const format of [native(), lying]) expect(see(discover(registry, 'web', { format })).last().toArray().map(leased)).toEqual([true])
      registry.write(keyOf('value'), null)
    }, { after: 100 }))

  it('is as it was if it has its mark already', () => {
    const held = serviceInstance({ service: 'web', address: 'a:80' })
    const bare = markedBy('0', held)
    expect([markedBy('7', held) === held, markedBy('0', bare) === bare, markedBy('7', bare)]).toEqual([true, true, held])
  })
})
