import { expect, it } from 'vitest'
import { Disconnected, LeaseLost } from 'rx-discovery'
import { errorType } from '../../../src/edge/otel/error-type.js'

it.each([
  [new Disconnected('a:2379 did not answer', { cause: Object.assign(new Error('x'), { code: 14 }) }), 'Disconnected'],
  [new LeaseLost('1'), 'LeaseLost'],
  [Object.assign(new Error('x'), { name: 'TimeoutError' }), 'TimeoutError'],
  [new Error('GET https://user:secret@host failed'), 'Error'],
  [new TypeError('fetch failed', { cause: Object.assign(new Error('x'), { code: 'ECONNREFUSED' }) }), 'ECONNREFUSED'],
  [Object.assign(new Error('x'), { code: 'ERR_HTTP' }), 'ERR_HTTP'],
  [Object.assign(new Error('x'), { code: 404 }), 'Error'],
  [{ code: 'UNAVAILABLE' }, 'UNAVAILABLE'],
  [Object.assign(new Error('x'), { name: 'user secret@host' }), '_OTHER'],
  ['a secret', '_OTHER'],
  [undefined, '_OTHER'],
  [null, '_OTHER'],
])('the type of %j is %s', (error, type) => {
  expect(errorType(error)).toBe(type)
})
