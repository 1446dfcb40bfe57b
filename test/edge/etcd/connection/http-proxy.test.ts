import { describe, expect, it } from 'vitest'
import { failure } from '../../../../src/edge/etcd/connection/etcd-errors.js'
import { httpProxyFor } from '../../../../src/edge/etcd/connection/http-proxy.js'

const proxy = 'http://user:secret@proxy.example:3128'

describe('httpProxyFor', () => {
  it.each([
    [{}, undefined],
    [{ http_proxy: proxy }, { variable: 'http_proxy', address: 'proxy.example:3128' }],
    [{ http_proxy: 'http://proxy.example' }, { variable: 'http_proxy', address: 'proxy.example:80' }],
    [{ http_proxy: proxy, https_proxy: 'http://other:1', grpc_proxy: '' }, { variable: 'https_proxy', address: 'other:1' }],
    [{ HTTP_PROXY: proxy }, undefined],
    [{ http_proxy: 'socks5://proxy.example:1080' }, undefined],
    [{ http_proxy: 'proxy.example:3128' }, undefined],
    [{ http_proxy: 'not a URL' }, undefined],
    [{ http_proxy: proxy, no_proxy: 'localhost,example.com' }, { variable: 'http_proxy', address: 'proxy.example:3128' }],
    [{ http_proxy: proxy, no_proxy: 'localhost,10.1.2.3' }, undefined],
    [{ http_proxy: proxy, no_proxy: '10.0.0.0/8' }, undefined],
    [{ http_proxy: proxy, no_proxy: '10.2.0.0/16' }, { variable: 'http_proxy', address: 'proxy.example:3128' }],
    [{ http_proxy: proxy, no_proxy: '10.1.2.3', no_grpc_proxy: 'localhost' }, { variable: 'http_proxy', address: 'proxy.example:3128' }],
  ])('as grpc-js reads %j', (environment, expected) => {
    for (const host of ['10.1.2.3', '10.1.2.3:2379', 'http://10.1.2.3:2379/']) expect(httpProxyFor(host, environment)).toEqual(expected)
  })
})

describe('a failure without a text', () => {
  it.each(['undefined', 'null', '', 'No connection established. Last error: undefined', 'No connection established. Last error: null'])('%j shows neither undefined nor null', details => {
    expect(failure('etcd:2379', new Error(details), { code: 14, details }).message).toBe('etcd:2379 broke off: it gave no reason')
  })
  it.each([undefined, null])('a rejection with %j', error => {
    expect(failure('etcd:2379', error).message).toBe('etcd:2379: the call was rejected without a reason')
  })
})
