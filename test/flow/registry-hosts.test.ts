import { firstValueFrom, of } from 'rxjs'
import { describe, expect, it } from 'vitest'
import { hostsOf, withHosts } from '../../src/flow/registry-hosts.js'

describe('hostsOf', () => {
  it('emits the endpoints that were attached to a registry, but not to a copy of it', async () => {
    const registry = {}
    expect(withHosts(registry, of(['etcd:2379']))).toBe(registry)
    const hosts = hostsOf(registry)
    expect(hosts && (await firstValueFrom(hosts))).toEqual(['etcd:2379'])
    expect(hostsOf({ ...registry })).toBeUndefined()
  })
})
