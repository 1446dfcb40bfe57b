import { concat, defer, ignoreElements, Subject, throwError } from 'rxjs'
import { describe, expect, it } from 'vitest'
import { Disconnected, register, type Registry, type ServiceInstanceInput } from 'rx-discovery'
import { stage } from './registration-stage.js'
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

describe('a registration whose id changes', () => {
  it('leaves no ghost of an id whose writing was never acknowledged', () =>
    stage(({ registry, watch, advance }) => {
      const instances = new Subject<ServiceInstanceInput | null>()
      watch(register(losingAnswer(registry, 1), instances, { ttl: 6, backoff: steady }))
      instances.next(instance('first'))
      expect(registry.keys()).toEqual([keyOf('first')])
      instances.next(instance('second'))
      advance(50)
      expect(registry.keys()).toEqual([keyOf('second')])
    }))

  it('leaves none either when it is withdrawn meanwhile', () =>
    stage(({ registry, watch, advance }) => {
      const instances = new Subject<ServiceInstanceInput | null>()
      const { last } = watch(register(losingAnswer(registry, 2), instances, { ttl: 6, backoff: steady }))
      instances.next(instance('first'))
      instances.next(instance('second'))
      instances.next(null)
      advance(50)
      expect(registry.keys()).toEqual([])
      expect(last()?.status).toBe('withdrawn')
    }))

  it('asks after a break for the id it has, not for all it ever had', () =>
    stage(({ registry, watch, advance }) => {
      const instances = new Subject<ServiceInstanceInput>()
      const asked: string[] = []
      const list: Registry['list'] = prefix => {
        asked.push(typeof prefix === 'string' ? prefix : prefix.key)
        return registry.list(prefix)
      }
      watch(register({ ...registry, list }, instances, { ttl: 6, backoff: steady }))
      for (let index = 0; index < 50; index += 1) instances.next(instance(`n${index}`))
      registry.interrupt()
      advance(50)
      expect(asked).toEqual([keyOf('n49')])
    }))

  it('forgets an id that another hand has taken, once it has another one', () =>
    stage(({ registry, watch, advance }) => {
      const instances = new Subject<ServiceInstanceInput>()
      const asked: string[] = []
      const list: Registry['list'] = prefix => {
        asked.push(typeof prefix === 'string' ? prefix : prefix.key)
        return registry.list(prefix)
      }
      const { last } = watch(register({ ...registry, list }, instances, { ttl: 6, backoff: steady }))
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
