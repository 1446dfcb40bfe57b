import { Etcd3 } from 'etcd3'
import { describe, expect, it, vi } from 'vitest'
import { register } from 'rx-discovery'
import { etcdRegistry } from 'rx-discovery/etcd'
import { etcdServer } from './server.js'

describe('a client that the user has closed', () => {
  // Streams that are open survive the close of an etcd3 client.
  it('ends its registrations, like a registry that is closed, when their keep-alive stream breaks', async () => {
    const server = await etcdServer()
    const client = new Etcd3({ hosts: server.endpoint })
    const next = vi.fn()
    const complete = vi.fn()
    const subscription = register(etcdRegistry(client), { service: 'web', address: 'localhost:8000' }, { ttl: 30 }).subscribe({ next, complete })
    try {
      await vi.waitFor(() => expect(next).toHaveBeenCalledWith(expect.objectContaining({ status: 'registered' })), 5_000)
      client.close()
      await server.restart()
      await vi.waitFor(() => expect(complete).toHaveBeenCalled(), 5_000)
    } finally {
      subscription.unsubscribe()
      await server.close()
    }
  })
})
