import { firstValueFrom, of } from 'rxjs'
import { describe, expect, it } from 'vitest'
import { discover, known, serviceInstance, serviceSet, type ServiceInstance } from 'rx-discovery'
import { memoryRegistry } from 'rx-discovery/memory'
import { see, shown } from '../scene.js'

const node = (id: string, version = '1'): ServiceInstance => serviceInstance({ service: 'web', id, address: `${id}:80`, version })
const trouble = { error: new Error('away'), since: 1, attempt: 1, retryAt: 2 }

describe('known', () => {
  it('skips pending sets and nothing else, so that the first value has been read', async () => {
    const registry = memoryRegistry()
    const first = firstValueFrom(discover(registry, 'web').pipe(known()))
    expect(shown(await first)).toBe('live')
    const sets = [serviceSet('web', [], { status: 'pending' }), serviceSet('web', [node('a')]), serviceSet('web', [node('a')], { status: 'stale', trouble })]
    expect(see(of(...sets).pipe(known())).values).toEqual(sets.slice(1))
    expect(registry.subscriptions().watches).toBe(0)
  })
})
