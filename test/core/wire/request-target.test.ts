import { describe, expect, it } from 'vitest'
import { requestTarget } from '../../../src/core/wire/request-target.js'

describe('the target of a request', () => {
  it.each<[target: string | undefined, path: string, query: string]>([
    [undefined, '/', ''],
    ['/discovery?prefix=%2Fa%2F&key=b', '/discovery', 'prefix=%2Fa%2F&key=b'],
    ['/discovery?a=1?2#b', '/discovery', 'a=1%3F2'],
    ['http://gateway:80/discovery?list', '/discovery', 'list='],
    ['//', '//', ''],
    ['///?list', '///', 'list='],
    ['//a:b', '//a:b', ''],
    ['/\\\\', '/\\\\', ''],
    ['http://[', '', ''],
    ['*', '*', ''],
    ['?%', '', '%25='],
  ])('%j has the path %j and the query %j', (target, path, query) => {
    const read = requestTarget(target)
    expect([read.path, String(read.query)]).toEqual([path, query])
  })
})
