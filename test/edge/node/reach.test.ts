import type { NetworkInterfaceInfo } from 'node:os'
import { describe, expect, it } from 'vitest'
import { isLoopback, reachProblem } from '../../../src/edge/node/reach.js'

const interfaces = Object.fromEntries(
  Object.entries({ lo: '127.0.0.1', eth0: '10.0.0.5', docker0: '172.17.0.1', 'br-5f0c': '172.18.0.1', virbr0: '192.168.122.1', bridge0: '10.1.0.1', br0: '10.2.0.1' }).map(([name, address]) => [
    name,
    [{ address } as NetworkInterfaceInfo],
  ]),
)

describe('reachProblem', () => {
  it.each([
    ['127.0.0.1', 'leads to the machine itself'],
    ['127.8.8.8', 'leads to the machine itself'],
    ['::1', 'leads to the machine itself'],
    ['::ffff:127.0.0.1', 'leads to the machine itself'],
    ['fe80::1%eth0', 'is a link-local address, which is valid on one link only'],
    ['172.17.0.1', 'belongs to docker0, a network inside this machine'],
    ['172.18.0.1', 'belongs to br-5f0c, a network inside this machine'],
    ['192.168.122.1', 'belongs to virbr0, a network inside this machine'],
    ['10.0.0.5', undefined],
    ['10.1.0.1', undefined],
    ['10.2.0.1', undefined],
    ['fd00::2', undefined],
    ['10.9.9.9', undefined],
  ])('of %s: %s', (ip, problem) => {
    expect(reachProblem(ip, interfaces)).toBe(problem)
  })
})

describe('addresses', () => {
  it.each([['127.0.0.1', true], ['::1', true], ['10.127.0.1', false], ['::12', false]])('%s is loopback: %j', (ip, expected) => {
    expect(isLoopback(ip)).toBe(expected)
  })
})
