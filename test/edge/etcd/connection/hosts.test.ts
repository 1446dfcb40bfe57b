import { describe, expect, it } from 'vitest'
import { channelAddress, parseHosts, sameAddress, sameEndpoint } from '../../../../src/edge/etcd/connection/hosts.js'
import { httpProxyFor } from '../../../../src/edge/etcd/connection/http-proxy.js'

describe('hosts', () => {
  it.each(['unix:///run/etcd.sock', 'unix:///var/lib/etcd/127.0.0.1:2379'])('may be a Unix socket: %s', host => {
    expect(parseHosts(host)).toEqual([host])
    expect(channelAddress(host)).toBe(host)
    expect(httpProxyFor(host, { http_proxy: 'http://proxy:3128' })).toBeUndefined()
  })
  it.each(['unix:', 'unix://', 'unix:///', 'unix://run/etcd.sock', 'unixs:///run/etcd.sock', 'unix:///a b'])('may not be %s', host => {
    expect(() => parseHosts(host)).toThrow(/^hosts must be like 'localhost:2379', .*'unix:\/\/\/path', not 'unix/)
  })
  it.each([
    ['a:2379', 'http://a', true, true],
    ['HTTP://a:2379/', 'A', true, true],
    ['https://a:2379/', 'http://A:2379', true, false],
    ['https://a', 'a', true, false],
    ['a:2379', 'a:2380', false, false],
    ['unix:///a', 'unix:///a', true, true],
    ['unix:///a', 'unix:///A', false, false],
  ])('%s and %s have the same address: %s; they are the same: %s', (a, b, address, same) => {
    expect(sameAddress(a, b)).toBe(address)
    expect(sameEndpoint(a, b)).toBe(same)
  })
})
