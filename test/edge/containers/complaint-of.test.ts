import { describe, expect, it } from 'vitest'
import { complaintOf } from '../../../src/edge/containers/complaint-of.js'

describe('complaintOf', () => {
  it.each([
    ['flag provided but not defined: -nope\r\nUsage:\r\n\r\n  etcd [flags]\r\n    Start an etcd server.\r\n', 'flag provided but not defined: -nope'],
    ['{"level":"info","msg":"starting"}\n{"level":"fatal","msg":"discovery failed"}\n{"level":"info","msg":"closed"}\n', '{"level":"fatal","msg":"discovery failed"}'],
    ['one\ntwo\n\n', 'two'],
    ['', 'nothing'],
    ['x'.repeat(500), 'x'.repeat(400)],
  ])('of %j is %j', (output, complaint) => {
    expect(complaintOf(output)).toBe(complaint)
  })
})
