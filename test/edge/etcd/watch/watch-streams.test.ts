import { EMPTY, NEVER, Observable, of, Subject, Subscription, type Subscriber } from 'rxjs'
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

/** The id that a stream requests for its n-th watch. */
const nth = (n: number): string => String(2 ** 41 + n - 1)
const header = bytes(1, Buffer.concat([number(1, 7n), number(3, 5n)]))
const refused = (id: string): Buffer => Buffer.concat([header, number(2, BigInt(id)), number(3, 1n), number(4, 1n), bytes(6, 'permission denied')])
const created = (id: string): Buffer => Buffer.concat([header, number(2, BigInt(id)), number(3, 1n)])

const event = (id: string, key: string): Buffer =>
  Buffer.concat([header, number(2, BigInt(id)), bytes(11, bytes(2, Buffer.concat([bytes(1, Buffer.from(key)), number(3, 6n), bytes(5, Buffer.from('value'))])))])

/** A part of the history: its last events, and the rest, are in messages to come. */
const fragment = (id: string, key: string): Buffer => Buffer.concat([event(id, key), number(7, 1n)])
const progress = Buffer.concat([header, number(2, BigInt.asUintN(64, -1n))])

const scene = ({ read = EMPTY }: { read?: Observable<unknown> } = {}) => {
  const asked: string[] = []
  const cancelled: string[] = []
  const received: string[] = []
  const answers = new Subject<Buffer>()
  const each: Subscriber<Buffer>[] = []
  let open = 0
  const stream = (_open: unknown, requests: Observable<Request>): Observable<Buffer> =>
    new Observable(subscriber => {
      open += 1
      each.push(subscriber)
      subscriber.add(() => (open -= 1))
      subscriber.add(answers.subscribe(subscriber))
      subscriber.add(
        requests.subscribe(({ create_request, cancel_request }) => {
          if (create_request) asked.push(create_request.watch_id)
          if (cancel_request) cancelled.push(cancel_request.watch_id)
        }),
      )
    })
  const member = { host: 'etcd', call: () => read, stream } as unknown as Member
  const streams = watchStreams(member)
  const failures = new Map<string, Error>()
  const watch = (name: string): (() => void) => {
    const stop = new Subscription()
    stop.add(
      streams.add({
        range: name,
        request: { key: Buffer.from(name) },
        receive: ({ created, changes }) => void received.push(`${name}: ${created ? 'created' : changes.map(({ key }) => key).join()}`),
        fail: error => {
          failures.set(name, error)
          stop.unsubscribe()
        },
      }),
    )
    return () => stop.unsubscribe()
  }
  return {
    member,
    streams,
    watch,
    asked,
    cancelled,
    received,
    failures,
    answer: (id: string) => answers.next(created(id)),
    deliver: (id: string, key: string) => answers.next(event(id, key)),
    refuse: (id: string) => answers.next(refused(id)),
    deliverPart: (id: string, key: string) => answers.next(fragment(id, key)),
    answerProgress: () => answers.next(progress),
    /** Sends this message on the n-th stream only, from 1. */
    send: (stream: number, message: Buffer) => each[stream - 1]?.next(message),
    breaks: (error: Error) => answers.error(error),
    open: () => open,
  }
}

const inTime = (test: (time: VirtualHelpers) => void) => () => virtually(test)

describe('a watch stream', () => {
  it('waits for a watch as long as etcd creates others', inTime(({ advance }) => {
    const { streams, watch, asked, answer, failures } = scene()
    for (const name of ['a', 'b', 'c', 'd']) watch(name)
    for (const n of [1, 2, 3, 4]) {
      advance(2_000)
      answer(nth(n))
    }
    expect(asked).toEqual([1, 2, 3, 4].map(nth))
    expect(failures.size).toBe(0)
    streams.close(new Closed())
  }))

  it('fails the watches that are not created if etcd has created none for 5 s, and keeps the others', inTime(({ advance }) => {
    const { streams, watch, answer, failures, cancelled, open } = scene()
    for (const name of ['a', 'b', 'c']) watch(name)
    advance(3_000)
    answer(nth(1))
    advance(4_900)
    expect(failures.size).toBe(0)
    advance(200)
    expect([...failures.keys()]).toEqual(['b', 'c'])
    expect([...failures.values()].every(error => error instanceof Disconnected)).toBe(true)
    expect([cancelled, open()]).toEqual([[nth(2), nth(3)], 1])
    streams.close(new Closed())
  }))

  it('waits 5 s again for a watch that is added later', inTime(({ advance }) => {
    const { streams, watch, answer, failures } = scene()
    watch('a')
    answer(nth(1))
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
    streams.add({ range: '', request: {}, receive: () => undefined, fail: () => void watch('again') })
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
          range: '',
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
      range: '',
      get request(): never {
        throw new TypeError('not a prefix')
      },
      receive: () => undefined,
      fail: () => undefined,
    }
    expect(() => streams.add(impossible)).toThrow(TypeError)
    watch('a')()
    expect(asked).toEqual([nth(1)])
  })

  it('also fails the watches of a stream that takes no more when it is closed', () => {
    const { streams, watch, answer, refuse, failures, open } = scene()
    watch('a')
    answer(nth(1))
    watch('b')
    refuse(nth(2))
    watch('c')
    expect([[...failures.keys()], open()]).toEqual([['b'], 2])
    streams.close(new Closed())
    expect([[...failures.keys()], open()]).toEqual([['b', 'a', 'c'], 0])
  })

  it('closes when its watches have moved to another stream or left', () => {
    const { member, answer, refuse, asked, open } = scene()
    const { watch } = watches({ all: [member], hosts: NEVER, moves: NEVER, returned: NEVER, on: call => call(member), close: () => undefined })
    const all = ['a', 'b'].map(prefix => watch(prefix, 1).subscribe())
    answer(nth(1))
    refuse(nth(2))
    expect([asked, open()]).toEqual([[nth(1), nth(2), nth(1)], 2])
    for (const one of all) one.unsubscribe()
    expect(open()).toBe(0)
  })

  it('renews its token for a watch each time it is refused after it was created', () => {
    const { member, send, asked, open } = scene()
    const { watch } = watches({ all: [member], hosts: NEVER, moves: NEVER, returned: NEVER, on: call => call(member), close: () => undefined })
    const errors: unknown[] = []
    const all = ['a', 'b', 'c'].map(prefix => watch(prefix, 5).subscribe({ error: (error: unknown) => errors.push(error) }))
    send(1, created(nth(1)))
    send(1, refused(nth(2)))
    send(1, refused(nth(3)))
    // `b` and `c` are on a second stream; `c` is not its first watch.
    send(2, created(nth(1)))
    send(2, created(nth(2)))
    send(2, refused(nth(2)))
    expect([errors, open()]).toEqual([[], 3])
    expect(asked).toEqual([nth(1), nth(2), nth(3), nth(1), nth(2), nth(1)])
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

  it('12.1 requests its first watch alone, by an id that no server chooses, and the others once the server has used that id', () => {
    const { watch, asked, received, answer, deliver } = scene()
    for (const name of ['a', 'b', 'c']) watch(name)
    expect(asked).toEqual([nth(1)])
    expect(Number(asked[0])).toBeGreaterThan(2 ** 40)
    answer(nth(1))
    expect(asked).toEqual([nth(1), nth(2), nth(3)])
    deliver(nth(1), 'a1')
    answer(nth(2))
    deliver(nth(2), 'b1')
    expect(received).toEqual(['a: created', 'a: a1', 'b: created', 'b: b1'])
  })

  it('12.1 fails all watches of the stream, and names the host, if an event is outside the range of its watch', () => {
    const { watch, failures, answer, deliver, received, open } = scene()
    watch('a')
    watch('b')
    answer(nth(1))
    answer(nth(2))
    deliver(nth(2), 'a1')
    expect([...failures].map(([name, error]) => [name, error.name, error.message])).toEqual(
      ['a', 'b'].map(name => [name, 'Disconnected', 'etcd delivered an event of "a1" to a watch of the prefix "b" (is a proxy in between that mixes up watches?)']),
    )
    expect([received, open()]).toEqual([['a: created', 'b: created'], 0])
  })
})

describe('a watch stream through a proxy that ignores our ids', () => {
  it('12.1 has one create under way at a time, and uses the id of its answer', () => {
    const { watch, asked, received, answer, deliver } = scene()
    for (const name of ['a', 'b', 'c']) watch(name)
    for (const [id, key] of [['0', 'a1'], ['1', 'b1'], ['2', 'c1']] as const) {
      expect(asked).toHaveLength(Number(id) + 1)
      answer(id)
      deliver(id, key)
    }
    deliver('0', 'a2')
    expect(received).toEqual(['a: created', 'a: a1', 'b: created', 'b: b1', 'c: created', 'c: c1', 'a: a2'])
  })

  it('12.1 cancels by the id of the answer: at once, or once it has come', () => {
    const { watch, asked, cancelled, answer, received, deliver } = scene()
    const [a, b, c] = ['a', 'b', 'c', 'd'].map(watch)
    answer('0')
    // `b` is under way, `c` has not been sent.
    b?.()
    c?.()
    expect(cancelled).toEqual([])
    answer('1')
    expect([asked, cancelled]).toEqual([[nth(1), nth(2), nth(4)], ['1']])
    a?.()
    expect(cancelled).toEqual(['1', '0'])
    deliver('0', 'a1')
    deliver('1', 'b1')
    answer('2')
    expect(received).toEqual(['a: created', 'd: created'])
  })

  it('12.1 does not take a refusal, which has the id -1, for another id', () => {
    const { watch, asked, received, refuse, answer } = scene()
    for (const name of ['a', 'b', 'c']) watch(name)
    refuse('-1')
    answer('0')
    expect(asked).toHaveLength(3)
    expect(received).toEqual(['a: created', 'b: created'])
    answer('1')
    expect(received.at(-1)).toBe('c: created')
  })

  it('12.1 requests no further watch after a create that was not answered, and keeps those that it has', inTime(({ advance }) => {
    const { streams, watch, asked, cancelled, failures, received, answer, deliver, open } = scene()
    watch('a')
    answer('0')
    watch('b')
    watch('c')
    advance(5_100)
    expect([...failures.keys()]).toEqual(['b', 'c'])
    watch('d')
    expect([asked, open()]).toEqual([[nth(1), nth(2), nth(1)], 2])
    // The late answer to `b`, on the first stream; the fake server sends it on both.
    answer('1')
    expect(cancelled).toEqual(['1'])
    deliver('0', 'a1')
    expect(received).toContain('a: a1')
    streams.close(new Closed())
  }))
})

describe('a history that takes long to arrive', () => {
  const following = (test: (of: ReturnType<typeof scene> & { readonly revisions: number[] }, time: VirtualHelpers) => void) => () =>
    virtually(time => {
      const played = scene({ read: of({ header: { cluster_id: '7', revision: '5' } }) })
      const revisions: number[] = []
      const watching = watches({ all: [played.member], hosts: NEVER, moves: NEVER, returned: NEVER, on: call => call(played.member), close: () => undefined })
      const subscription = watching.watch('a', 1).subscribe(({ revision }) => revisions.push(revision))
      played.answer(nth(1))
      test({ ...played, revisions }, time)
      subscription.unsubscribe()
    })

  it('12.11 is not taken for delivered because a read is answered', following(({ answerProgress, revisions }, { advance }) => {
    advance(10_000)
    expect(revisions).toEqual([])
    answerProgress()
    advance(100)
    expect(revisions).toEqual([5])
  }))

  it('12.11 is not taken for delivered while a message has arrived in part', following(({ answerProgress, deliver, deliverPart, revisions }, { advance }) => {
    for (let part = 1; part <= 5; part += 1) {
      advance(900)
      deliverPart(nth(1), `a${part}`)
      advance(part * 400)
      answerProgress()
    }
    advance(100)
    expect(revisions).toEqual([])
    deliver(nth(1), 'a6')
    advance(100)
    expect(revisions).toEqual([6])
  }))
})
