import { EMPTY, NEVER, Observable, of, Subject, type Subscriber } from 'rxjs'
import { describe, expect, it } from 'vitest'
import type { Batch } from '../../../../src/core/store.js'
import { Disconnected } from '../../../../src/core/errors.js'
import type { Member } from '../../../../src/edge/etcd/connection/member.js'
import { watches } from '../../../../src/edge/etcd/watch/watches.js'
import { virtually, type VirtualHelpers } from '../../../../src/edge/testing/index.js'
import { bytes, number } from '../wire/protobuf-writer.js'

interface Request {
  readonly create_request?: { readonly watch_id: string; readonly start_revision: number }
  readonly cancel_request?: { readonly watch_id: string }
}
const first = String(2 ** 41)
const header = (revision: number): Buffer => bytes(1, Buffer.concat([number(1, 7n), number(3, BigInt(revision))]))
const change = (revision: number): Buffer => bytes(11, bytes(2, Buffer.concat([bytes(1, Buffer.from(`a/${revision}`)), number(3, BigInt(revision)), bytes(5, Buffer.from('v'))])))

/** A member whose answers the test gives. */
const playedMember = (host: string, { advance }: VirtualHelpers, read: Observable<unknown> = EMPTY) => {
  const open: Subscriber<Buffer>[] = []
  const starts: number[] = []
  const stream = (_: unknown, requests: Observable<Request>): Observable<Buffer> =>
    new Observable(subscriber => {
      open.push(subscriber)
      subscriber.add(() => open.splice(open.indexOf(subscriber), 1))
      subscriber.add(requests.subscribe(({ create_request }) => create_request && starts.push(create_request.start_revision)))
    })
  const send = (revision: number, ...parts: readonly Buffer[]): void => {
    open.at(-1)?.next(Buffer.concat([header(revision), number(2, BigInt(first)), ...parts]))
    // What comes in the same tick would be joined.
    advance(1)
  }
  return {
    member: { host, call: () => read, stream } as unknown as Member,
    /** The revisions at which watches were requested. */
    starts,
    open: () => open.length,
    created: (revision: number) => send(revision, number(3, 1n)),
    refused: (revision: number) => send(revision, number(3, 1n), number(4, 1n), bytes(6, 'permission denied')),
    /** One message with the events of these revisions; `fragment`: more of it is to come. */
    events: (revisions: readonly number[], fragment = false) => send(revisions.at(-1) ?? 0, ...revisions.map(change), ...(fragment ? [number(7, 1n)] : [])),
    cut: () => open.at(-1)?.error(new Disconnected(`${host} reset the connection`, { host })),
  }
}

const scene = (test: (scene: ReturnType<typeof play>) => void, read?: Observable<unknown>) => () =>
  virtually(time => {
    const playing = play(time, read)
    test(playing)
    playing.running.unsubscribe()
    expect([playing.a.open(), playing.b.open(), playing.c.open()]).toEqual([0, 0, 0])
  })
const play = (time: VirtualHelpers, read?: Observable<unknown>) => {
  const [a, b, c] = [playedMember('a:1', time), playedMember('b:1', time, read), playedMember('c:1', time)]
  const moves = new Subject<Member>()
  const all = [a.member, b.member, c.member]
  const { watch, close } = watches({ all, hosts: NEVER, moves, returned: NEVER, on: call => call(a.member), close: () => undefined })
  const batches: Batch[] = []
  const errors: unknown[] = []
  const running = watch('a/', 5).subscribe({ next: batch => batches.push(batch), error: (error: unknown) => errors.push(error) })
  return {
    ...{ a, b, c, moves, errors, running, close },
    /** The keys that were delivered. */
    delivered: () => batches.flatMap(({ changes }) => changes.map(({ revision }) => revision)),
    revisions: () => batches.map(({ revision }) => revision),
  }
}

describe('a watch that moves to another member', () => {
  it('is there before it leaves the former one; nothing is missing, and nothing comes twice', scene(({ a, b, moves, delivered, errors }) => {
    a.created(5)
    a.events([6])
    moves.next(b.member)
    expect([b.starts, a.open(), b.open()]).toEqual([[6], 1, 1])
    // Until it is created there, the former member delivers.
    a.events([7, 8])
    b.created(9)
    expect([a.open(), b.open()]).toEqual([0, 1])
    b.events([6, 7])
    b.events([8, 9])
    b.events([10])
    expect([delivered(), errors]).toEqual([[6, 7, 8, 9, 10], []])
  }))

  it('drops a half revision of the former member, which comes again', scene(({ a, b, moves, delivered }) => {
    a.created(5)
    a.events([6, 7], true)
    moves.next(b.member)
    b.created(7)
    b.events([6, 7])
    expect(delivered()).toEqual([6, 7])
  }))

  it('stays where it is if it is refused there, or the stream there breaks', scene(({ a, b, c, moves, delivered, errors }) => {
    a.created(5)
    moves.next(b.member)
    b.refused(9)
    moves.next(c.member)
    c.cut()
    a.events([6])
    expect([delivered(), errors, a.open(), b.open(), c.open()]).toEqual([[6], [], 1, 0, 0])
    // And may move later.
    moves.next(b.member)
    b.created(6)
    expect([a.open(), b.open()]).toEqual([0, 1])
  }))

  it('ends if the former stream breaks before', scene(({ a, b, moves, errors }) => {
    a.created(5)
    moves.next(b.member)
    a.cut()
    expect(errors).toMatchObject([{ name: 'Disconnected', host: 'a:1' }])
    expect([a.open(), b.open()]).toEqual([0, 0])
  }))

  it('ends with the error of the new member once it is there', scene(({ a, b, moves, errors }) => {
    a.created(5)
    moves.next(b.member)
    b.created(5)
    b.cut()
    expect(errors).toMatchObject([{ name: 'Disconnected', host: 'b:1' }])
  }))

  it('goes to the last one of several, and nowhere if it is there', scene(({ a, b, c, moves }) => {
    a.created(5)
    moves.next(a.member)
    expect(a.starts).toEqual([5])
    moves.next(b.member)
    moves.next(c.member)
    expect([b.open(), c.open()]).toEqual([0, 1])
    c.created(5)
    expect([a.open(), c.open()]).toEqual([0, 1])
  }))

  it('moves before it was created at the former member, too', scene(({ a, b, moves, delivered, revisions }) => {
    moves.next(b.member)
    b.created(5)
    b.events([6])
    expect([a.open(), delivered(), revisions()]).toEqual([0, [6], [5, 6]])
  }))

  const answer = new Subject<unknown>()
  it('reads at the new member first if that is behind, and delivers when it has caught up', scene(({ a, b, moves, delivered }) => {
    a.created(5)
    a.events([6])
    moves.next(b.member)
    a.events([7])
    b.created(6)
    b.events([7, 8])
    expect(delivered()).toEqual([6, 7])
    of({ header: { cluster_id: '7', revision: '8' } }).subscribe(answer)
    expect(delivered()).toEqual([6, 7, 8])
  }, answer))

  it('leaves nothing behind if it is unsubscribed in between, or the registry is closed', scene(({ a, b, c, moves, running, close }) => {
    a.created(5)
    moves.next(b.member)
    running.unsubscribe()
    expect([a.open(), b.open()]).toEqual([0, 0])
    close()
    moves.next(c.member)
    expect([c.starts, moves.observed]).toEqual([[], false])
  }))
})
