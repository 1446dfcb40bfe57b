import { concat, defer, ignoreElements, Subject, throwError } from 'rxjs'
import { describe, expect, it } from 'vitest'
import { Disconnected, register, type Registry, type ServiceInstanceInput } from 'rx-discovery'
import { scene } from './scene.js'
import { keyOf, steady } from '../scene.js'

const instance = (id: string): ServiceInstanceInput => ({ service: 'web', id, address: 'a:1' })

/** The registry, in which the answer of one write in `which` is lost, though it was carried out. */
const losingAnswer = (registry: Registry, which: number): Registry => {
  let writes = 0
  const lost = throwError(() => new Disconnected('connection reset'))
  return {
    ...registry,
    put: (entries, lease) => defer(() => ((writes += 1) === which ? concat(registry.put(entries, lease).pipe(ignoreElements()), lost) : registry.put(entries, lease))),
  }
}

/** A `list` that notes what it was asked for. */
const listing = (registry: Registry): { readonly asked: readonly string[]; readonly list: Registry['list'] } => {
  const asked: string[] = []
  const list: Registry['list'] = prefix => {
    asked.push(typeof prefix === 'string' ? prefix : prefix.key)
    return registry.list(prefix)
  }
  return { asked, list }
}

describe('a registration whose id changes', () => {
  it('deletes the key of an id whose write was never acknowledged', () =>
    scene(({ registry, watch, advance }) => {
      const instances = new Subject<ServiceInstanceInput | null>()
      watch(register(losingAnswer(registry, 1), instances, { ttl: 6, backoff: steady, throttle: 0, override: false }))
      instances.next(instance('first'))
      expect(registry.keys()).toEqual([keyOf('first')])
      instances.next(instance('second'))
      advance(50)
      expect(registry.keys()).toEqual([keyOf('second')])
    }))

  it('deletes that key also if the instance is withdrawn meanwhile', () =>
    scene(({ registry, watch, advance }) => {
      const instances = new Subject<ServiceInstanceInput | null>()
      const { last } = watch(register(losingAnswer(registry, 2), instances, { ttl: 6, backoff: steady, throttle: 0, override: false }))
      instances.next(instance('first'))
      instances.next(instance('second'))
      instances.next(null)
      advance(50)
      expect(registry.keys()).toEqual([])
      expect(last()?.status).toBe('withdrawn')
    }))

  it('reads the key of the current id after a failure, not those of all earlier ids', () =>
    scene(({ registry, watch, advance }) => {
      const instances = new Subject<ServiceInstanceInput>()
      const { asked, list } = listing(registry)
      watch(register({ ...registry, list }, instances, { ttl: 6, backoff: steady, throttle: 0, override: false }))
      for (let index = 0; index < 50; index += 1) instances.next(instance(`n${index}`))
      registry.interrupt()
      advance(50)
      expect(asked).toEqual([keyOf('n49')])
    }))

  it('forgets a taken key once it has another id', () =>
    scene(({ registry, watch, advance }) => {
      const instances = new Subject<ServiceInstanceInput>()
      const { asked, list } = listing(registry)
      const { last } = watch(register({ ...registry, list }, instances, { ttl: 6, backoff: steady, throttle: 0, override: false }))
      instances.next(instance('first'))
      registry.write(keyOf('first'), 'theirs')
      expect(last()?.status).toBe('taken')
      instances.next(instance('second'))
      registry.interrupt()
      advance(50)
      expect(asked).toEqual([keyOf('second')])
      expect(registry.keys()).toEqual([keyOf('first'), keyOf('second')])
      expect(last()?.status).toBe('registered')
    }))
})
