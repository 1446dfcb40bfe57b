import { describe, expect, it } from 'vitest'
import { etcdFlags } from '../../../src/edge/containers/etcd-flags.js'

const valueOf = (flags: readonly string[], name: string): string | undefined => flags.filter(flag => flag.startsWith(`--${name}=`)).at(-1)?.slice(name.length + 3)

describe('etcdFlags', () => {
  const flags = etcdFlags({ name: 'etcd2', endpoint: 'http://localhost:20123', peers: ['etcd1', 'etcd2', 'etcd3'] }, ['--heartbeat-interval=50', '--data-dir=/other'])

  it('names all members by the names under which they find each other', () => {
    expect(valueOf(flags, 'name')).toBe('etcd2')
    expect(valueOf(flags, 'initial-cluster')).toBe('etcd1=http://etcd1:2380,etcd2=http://etcd2:2380,etcd3=http://etcd3:2380')
    expect(valueOf(flags, 'initial-advertise-peer-urls')).toBe('http://etcd2:2380')
  })
  it('advertises the endpoint on the host to clients, and not the one in the container', () => {
    expect(valueOf(flags, 'advertise-client-urls')).toBe('http://localhost:20123')
  })
  it('puts the flags of the caller last, where they win', () => {
    expect(valueOf(flags, 'heartbeat-interval')).toBe('50')
    expect(valueOf(flags, 'data-dir')).toBe('/other')
  })
})
