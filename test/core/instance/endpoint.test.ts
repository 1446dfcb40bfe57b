import { either as E } from 'fp-ts'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { serviceInstance, type ServiceInstance } from '../../../src/index.js'
import { hostPortOf } from '../../../src/core/instance/endpoint.js'
import { addresses } from '../../arbitraries.js'

const node = (text: string): ServiceInstance => serviceInstance({ service: 'web', id: 'node1', address: 'own:1', endpoints: { there: text } })
const reached = (text: string): unknown => {
  const found = hostPortOf(node(text), 'there')
  return E.isLeft(found) ? found.left.message : `${found.right.host} ${found.right.port}`
}

// the message does not repeat the text, which may hold a password
const nowhere = 'endpoint must be host:port or a URL with a port, which "there" of node1 is not'

describe('hostPortOf', () => {
  it('is the address, whatever its host', () => {
    for (const [address, host] of [['localhost:80', 'localhost'], ['10.0.0.1:80', '10.0.0.1'], ['[::1]:80', '::1'], ['[fe80::1%eth0]:80', 'fe80::1%eth0']] as const)
      expect(hostPortOf(serviceInstance({ service: 'web', address }))).toEqual(E.right({ host, port: 80 }))
  })

  it.each([
    ['other:8080', 'other 8080'],
    ['[::1]:8080', '::1 8080'],
    ['http://other:8080/health?x#y', 'other 8080'],
    ['http://other', 'other 80'],
    ['HTTPS://[::1]/', '::1 443'],
    ['wss://other', 'other 443'],
    ['grpc://user:secret@other:50051', 'other 50051'],
    ['grpc://other', nowhere],
    ['grpc://user:secret@', nowhere],
    ['', nowhere],
    ['http://', nowhere],
    ['/var/run/web.sock', nowhere],
  ])('of the endpoint %j', (text, place) => {
    expect(reached(text)).toBe(place)
  })

  it('is the same for an address, a URL of it, and an endpoint that is it', () => {
    fc.assert(
      fc.property(addresses, address => {
        const found = hostPortOf(serviceInstance({ service: 'web', id: 'node1', address }))
        expect(E.isRight(found)).toBe(true)
        for (const text of [address, `http://${address}`, `tcp://${address}/path`]) expect(hostPortOf(node(text), 'there')).toEqual(found)
      }),
    )
  })

  it('is an error if no endpoint has that name, though every object has a constructor', () => {
    for (const name of ['http', 'constructor', '__proto__'])
      expect(hostPortOf(node('a:1'), name)).toMatchObject({ left: { name: 'InvalidArgument', message: `endpoint must be one of those of node1 (there), got "${name}"` } })
  })
})
