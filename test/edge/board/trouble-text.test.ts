import { expect, it } from 'vitest'
import { Denied, Disconnected } from '../../../src/core/errors.js'
import { troubleText } from '../../../src/edge/board/trouble-text.js'

it.each<[Error, string]>([
  [new Disconnected('GET http://h:1/discovery?list=&prefix=/rx-discovery/ failed: Failed to fetch', { host: 'h:1' }), 'h:1 cannot be reached'],
  [new Disconnected('the registry behind h:1 does not answer', { host: 'h:1' }), 'the registry behind h:1 does not answer'],
  [new Disconnected('the memory failed: gone'), 'the memory failed: gone'],
  [new Denied('no'), new Denied('no').message],
])('%s is told as %j', (error, expected) => {
  expect(troubleText(error)).toBe(expected)
})
