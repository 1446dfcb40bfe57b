import { describe, expect, it } from 'vitest'
import { InvalidArgument } from '../../../../src/core/errors.js'
import { channelAddress, parseHosts, sameAddress, sameEndpoint } from '../../../../src/edge/etcd/connection/hosts.js'
import { httpProxyFor } from '../../../../src/edge/etcd/connection/http-proxy.js'

describe('hosts', () => {
  it.each(['unix:///run/etcd.sock', 'unix:///var/lib/etcd/127.0.0.1:2379'])('may be a Unix socket: %s', host => {
    expect(parseHosts(host)).toEqual([host])
    expect(channelAddress(host)).toBe(host)
    expect(httpProxyFor(host, { http_proxy: 'http://proxy:3128' })).toBeUndefined()
  })
  it.each(['unix:', 'unix://', 'unix:///', 'unix://run/etcd.sock', 'unixs:///run/etcd.sock', 'unix:///a b'])('may not be %s', host => {
    expect(() => parseHosts(host)).toThrow(/^hosts must be like 'localhost:2379', .*'unix:\/\/\/path', got "unix.*" \(a Unix socket is 'unix:\/\/' and its absolute path, such as /)
  })
  it.each<[unknown, string]>([
    ['a,b:2379', `got "a,b:2379" (pass several as a list, such as ['a:2379', 'b:2379'])`],
    ['http://a:2379,http://b:2379', `got "http://a:2379,http://b:2379" (pass several as a list, such as ['a:2379', 'b:2379'])`],
    ['*:2379', 'got "*:2379" (a client needs the address of one member, also if etcd listens on all)'],
    [Promise.resolve('a:1'), 'got a Promise (pass a function that returns the Promise)'],
    [[Promise.resolve('a:1')], 'got a Promise (pass a function that returns the Promise)'],
    ['http://root:secret@a:1', 'got "…@a:1" (pass the user name and the password as auth)'],
    ['a:70000', 'got "a:70000" (a port is a number from 1 to 65535)'],
    ['a:0/', 'got "a:0/" (a port is a number from 1 to 65535)'],
    ['tcp://a:1', 'got "tcp://a:1"'],
    ['a b:1', 'got "a b:1"'],
    ['a%b:1', 'got "a%b:1"'],
    [null, 'got null'],
    [7, 'got 7'],
  ])('are refused with what helps: %j', (hosts, shown) => {
    expect(() => parseHosts(hosts)).toThrow(new InvalidArgument('hosts', `must be like 'localhost:2379', 'http://…', 'https://…' or 'unix:///path', ${shown}`))
  })
  it('may have letters of any language, digits, hyphens and underscores', () => {
    expect(parseHosts(['bücher.example:1', 'etcd_1:2379', 'etcd-0.etcd.default.svc', '[::1]:2379'])).toHaveLength(4)
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
