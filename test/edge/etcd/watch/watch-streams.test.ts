import { EMPTY, NEVER, Observable, Subject, Subscription } from 'rxjs'
import { describe, expect, it } from 'vitest'
import { Closed, Disconnected } from '../../../../src/core/errors.js'
import type { Member } from '../../../../src/edge/etcd/connection/member.js'
import { watches } from '../../../../src/edge/etcd/watch/watches.js'
import { watchStreams } from '../../../../src/edge/etcd/watch/watch-streams.js'
import { virtually, type VirtualHelpers } from '../../../../src/edge/testing/index.js'
import { bytes, number } from '../wire/protobuf-writer.js'

interface Request {
  readonly create_request?: { readonly watch_id: string }
  readonly cancel_request?: { readonly watch_id: string }
}

const header = bytes(1, Buffer.concat([number(1, 7n), number(3, 5n)]))
const refused = (id: string): Buffer => Buffer.concat([header, number(2, BigInt(id)), number(3, 1n), number(4, 1n), bytes(6, 'permission denied')])
const created = (id: string): Buffer => Buffer.concat([header, number(2, BigInt(id)), number(3, 1n)])

const scene = () => {
  const asked: string[] = []
  const cancelled: string[] = []
  const answers = new Subject<Buffer>()
  let open = 0
  const stream = (_open: unknown, requests: Observable<Request>): Observable<Buffer> =>
    new Observable(subscriber => {
      open += 1
      subscriber.add(() => (open -= 1))
      subscriber.add(answers.subscribe(subscriber))
      subscriber.add(
        requests.subscribe(({ create_request, cancel_request }) => {
          if (create_request) asked.push(create_request.watch_id)
          if (cancel_request) cancelled.push(cancel_request.watch_id)
        }),
      )
    })
  const member = { host: 'etcd', call: () => EMPTY, stream } as unknown as Member
  const streams = watchStreams(member)
  const failures = new Map<string, Error>()
  const watch = (name: string): (() => void) => {
    const stop = new Subscription()
    stop.add(
      streams.add({
        request: { key: Buffer.from(name) },
        receive: () => undefined,
        fail: error => {
          failures.set(name, error)
          stop.unsubscribe()
        },
      }),
    )
    return () => stop.unsubscribe()
  }
  return { member, streams, watch, asked, cancelled, failures, answer: (id: string) => answers.next(created(id)), refuse: (id: string) => answers.next(refused(id)), breaks: (error: Error) => answers.error(error), open: () => open }
}

const inTime = (test: (time: VirtualHelpers) => void) => () => virtually(test)

describe('a watch stream', () => {
  it('waits for a watch as long as etcd creates others', inTime(({ advance }) => {
    const { streams, watch, asked, answer, failures } = scene()
    for (const name of ['a', 'b', 'c', 'd']) watch(name)
    for (const id of asked) {
      advance(2_000)
      answer(id)
    }
    expect(failures.size).toBe(0)
    streams.close(new Closed())
  }))

  it('fails the watches that are not created if etcd has created none for 5 s, and keeps the others', inTime(({ advance }) => {
    const { streams, watch, answer, failures, cancelled, open } = scene()
    for (const name of ['a', 'b', 'c']) watch(name)
    advance(3_000)
    answer('1')
    advance(4_900)
    expect(failures.size).toBe(0)
    advance(200)
    expect([...failures.keys()]).toEqual(['b', 'c'])
    expect([...failures.values()].every(error => error instanceof Disconnected)).toBe(true)
    expect([cancelled, open()]).toEqual([['2', '3'], 1])
    streams.close(new Closed())
  }))

  it('waits 5 s again for a watch that is added later', inTime(({ advance }) => {
    const { streams, watch, answer, failures } = scene()
    watch('a')
    answer('1')
    advance(60_000)
    watch('b')
    advance(4_900)
    expect(failures.size).toBe(0)
    advance(200)
    expect([...failures.keys()]).toEqual(['b'])
    streams.close(new Closed())
  }))

  it('fails all watches when it breaks, also one that is added meanwhile, which goes to another stream', () => {
    const { streams, watch, breaks, failures, open } = scene()
    watch('a')
    streams.add({ request: {}, receive: () => undefined, fail: () => void watch('again') })
    breaks(new Disconnected('broken'))
    expect([...failures.keys()]).toEqual(['a', 'again'])
    expect(open()).toBe(0)
  })

  it('fails watches again that are added again at once', inTime(({ advance }) => {
    const { streams, failures } = scene()
    let tries = 0
    const insist = (): void => {
      const stop = new Subscription()
      stop.add(
        streams.add({
          request: {},
          receive: () => undefined,
          fail: () => {
            tries += 1
            stop.unsubscribe()
            if (tries < 6) insist()
          },
        }),
      )
    }
    insist()
    insist()
    advance(60_000)
    expect([tries, failures.size]).toEqual([7, 0])
    streams.close(new Closed())
  }))

  it('still works after a request that cannot be encoded', () => {
    const { streams, watch, asked } = scene()
    const impossible = {
      get request(): never {
        throw new TypeError('not a prefix')
      },
      receive: () => undefined,
      fail: () => undefined,
    }
    expect(() => streams.add(impossible)).toThrow(TypeError)
    watch('a')()
    expect(asked).toEqual(['1'])
  })

  it('also fails the watches of a stream that takes no more when it is closed', () => {
    const { streams, watch, refuse, failures, open } = scene()
    watch('a')
    watch('b')
    refuse('2')
    watch('c')
    expect([[...failures.keys()], open()]).toEqual([['b'], 2])
    streams.close(new Closed())
    expect([[...failures.keys()], open()]).toEqual([['b', 'a', 'c'], 0])
  })

  it('closes when its watches have moved to another stream or left', () => {
    const { member, refuse, asked, open } = scene()
    const { watch } = watches({ all: [member], returned: NEVER, on: call => call(member), close: () => undefined })
    const all = ['a', 'b'].map(prefix => watch(prefix, 1).subscribe())
    refuse('2')
    expect([asked, open()]).toEqual([['1', '2', '1'], 2])
    for (const one of all) one.unsubscribe()
    expect(open()).toBe(0)
  })

  it('is open while there is a watch', () => {
    const { watch, open } = scene()
    const [a, b] = [watch('a'), watch('b')]
    a()
    expect(open()).toBe(1)
    b()
    expect(open()).toBe(0)
    watch('c')
    expect(open()).toBe(1)
  })

  it('fails all watches when it is closed, and those added later', () => {
    const { streams, watch, failures, open } = scene()
    watch('a')
    streams.close(new Closed())
    watch('b')
    expect([...failures].map(([name, error]) => [name, error instanceof Closed])).toEqual([['a', true], ['b', true]])
    expect(open()).toBe(0)
  })
})
