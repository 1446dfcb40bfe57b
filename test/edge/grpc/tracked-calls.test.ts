import { experimental, Metadata, status as codes } from '@grpc/grpc-js'
import { describe, expect, it } from 'vitest'
import { leastRequest, serviceInstance, serviceSet, type Policy } from 'rx-discovery'
import { outliersOf } from '../../../src/core/balance/outliers.js'
import { TrackedCalls } from '../../../src/edge/grpc/tracked-calls.js'
import { Picker } from '../../../src/flow/balancing/picker.js'

interface Listener {
  readonly onReceiveMessage: (message: unknown) => void
}

/** The arguments that grpc-js gives to `createCall`. */
type Call = readonly [metadata: Metadata, host: string, method: string, listener: Listener, number: number]

const turn = (): Promise<void> => new Promise(resolve => setImmediate(resolve))

/** One instance, a connection to it, and what becomes of picks. */
const scene = (answer: (...call: Call) => unknown = () => 'call') => {
  const policy: Policy = leastRequest()
  const picker = new Picker<unknown>(policy, { outliers: outliersOf({}), panic: 0, zones: [], random: () => 0, wait: 0 })
  picker.follow(serviceSet('web', [serviceInstance({ service: 'web', id: 'a', address: 'a:1' })]))
  const [endpoint] = picker.endpoints
  if (endpoint === undefined) throw new Error('there is one')
  const real = { createCall: answer, transport: 'open' }
  const subchannel = { getRealSubchannel: () => real, getAddress: () => 'a:1' } as unknown as experimental.SubchannelInterface
  const calls = new TrackedCalls(picker, new Set([codes.UNAVAILABLE]))
  const pick = () => {
    const picked = calls.track(endpoint, { pickResultType: experimental.PickResultType.COMPLETE, subchannel, status: null, onCallStarted: null, onCallEnded: null })
    const observed = picked.subchannel?.getRealSubchannel() as unknown as typeof real
    const messages: unknown[] = []
    return {
      picked,
      messages,
      create: (): unknown => observed.createCall(new Metadata(), 'web', '/m', { onReceiveMessage: message => messages.push(message) }, 7),
      started: () => picked.onCallStarted?.(),
      ended: (code: codes) => picked.onCallEnded?.(code, '', new Metadata()),
    }
  }
  return { endpoint, pick, waiting: () => [endpoint.inFlight, endpoint.waiting] }
}

describe('a tracked call', () => {
  it('counts from its pick to its end, and passes everything on', () => {
    const seen: Call[] = []
    const { endpoint, pick, waiting } = scene((...call) => {
      seen.push(call)
      return 'the call'
    })
    const call = pick()
    expect(waiting()).toEqual([1, 1])
    expect(call.create()).toBe('the call')
    call.started()
    expect(waiting()).toEqual([1, 1])
    expect(seen.map(([, host, method, , number]) => [host, method, number])).toEqual([['web', '/m', 7]])
    expect(call.picked.subchannel?.getAddress()).toBe('a:1')
    seen[0]?.[3].onReceiveMessage('first')
    expect([...waiting(), call.messages]).toEqual([1, 0, ['first']])
    call.ended(codes.OK)
    expect([...waiting(), endpoint.successes, endpoint.failed]).toEqual([0, 0, 1, 0])
  })

  it('teaches nothing if gRPC drops its pick, and counts from its start if that is later', async () => {
    const { endpoint, pick, waiting } = scene()
    pick()
    const late = pick()
    expect(waiting()).toEqual([2, 2])
    await turn()
    expect([...waiting(), endpoint.waitingSince, endpoint.measuredAt]).toEqual([0, 0, Infinity, -Infinity])
    late.create()
    late.started()
    expect(waiting()).toEqual([1, 1])
    late.ended(codes.OK)
    expect([...waiting(), endpoint.successes]).toEqual([0, 0, 1])
  })

  it('is a failure if it cannot be created', () => {
    const { endpoint, pick, waiting } = scene(() => {
      throw new Error('closed')
    })
    expect(() => pick().create()).toThrow('closed')
    expect([...waiting(), endpoint.failed]).toEqual([0, 0, 1])
  })

  it.each([
    ['OK', 1, 0],
    ['NOT_FOUND', 1, 0],
    ['UNAVAILABLE', 0, 1],
    ['CANCELLED', 0, 0],
  ] as const)('that ends with %s: %i successes, %i failures', (code, successes, failures) => {
    const { endpoint, pick, waiting } = scene()
    const call = pick()
    call.create()
    call.started()
    call.ended(codes[code])
    expect([...waiting(), endpoint.successes, endpoint.failed]).toEqual([0, 0, successes, failures])
  })

  it('counts as a whole where a balancer around it has unwrapped the connection', () => {
    const { endpoint, pick, waiting } = scene()
    const call = pick()
    call.started()
    expect(waiting()).toEqual([1, 1])
    call.ended(codes.UNAVAILABLE)
    expect([...waiting(), endpoint.failed]).toEqual([0, 0, 1])
  })
})
