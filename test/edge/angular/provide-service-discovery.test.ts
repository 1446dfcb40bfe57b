import '@angular/compiler'
import { describe, expect, it } from 'vitest'
import { memoryRegistry } from 'rx-discovery/memory'
import { provideServiceDiscovery, withServerDiscovery, withService } from 'rx-discovery/angular'

describe('provideServiceDiscovery', () => {
  it.each([
    [undefined, 'config must be an object, got undefined'],
    [{}, 'url must be given, or registry, but not both'],
    [{ url: 1 }, 'url must be a string, got 1'],
    [{ url: '/discovery', registry: memoryRegistry() }, 'url must be given, or registry, but not both'],
    [{ registry: memoryRegistry }, 'registry must be a registry'],
    [{ uri: '/discovery' }, 'uri is not an option of provideServiceDiscovery'],
  ])('rejects %j', (config, message) => {
    expect(() => provideServiceDiscovery(config as never)).toThrow(message)
  })
  it.each([
    ['withService', () => withService('', {}), 'service must'],
    ['withService', () => withService('web', { policy: 1 as never }), 'policy must be an object, got 1'],
    ['withServerDiscovery', () => withServerDiscovery({ project: 1 as never }), 'project must be { metadata: names }'],
  ])('%s checks its arguments', (_, make, message) => {
    expect(make).toThrow(message)
  })
})
