import { defer, map, timer, type Observable } from 'rxjs'
import { describe, expect, it } from 'vitest'
import { Disconnected } from '../../../../src/core/errors.js'
import type { Member, RawClient } from '../../../../src/edge/etcd/connection/member.js'
import { paging } from '../../../../src/edge/etcd/range/paging.js'
import { onePage, pages } from '../../../../src/edge/etcd/range/pages.js'
import { virtually } from '../../../../src/edge/testing/index.js'
import { bytes, number } from '../wire/protobuf-writer.js'

/** An empty page at revision 5. */
const page = bytes(1, Buffer.concat([number(1, 7n), number(3, 5n)]))

/** A member that answers each page after so many ms, or fails then. */
const memberOf = (ms: number, error?: Error): Member =>
  ({
    host: 'etcd',
    paging: paging(),
    call: (run: (client: RawClient, options: object) => unknown): Observable<unknown> =>
      defer(() => {
        run({ kv: { range: () => undefined } } as unknown as RawClient, {})
        return timer(ms).pipe(
          map(() => {
            if (error) throw error
            return page
          }),
        )
      }),
  }) as unknown as Member

const range = { key: Buffer.from('a') }
const read = (member: Member, source: Observable<unknown>): readonly [limit: number, deadline: number] => {
  virtually(({ advance }) => {
    source.subscribe({ error: () => undefined })
    advance(60_000)
  })
  return [member.paging.limit(), member.paging.deadline()]
}

describe('pages', () => {
  it('are smaller after a page was slow, or did not arrive', () => {
    const slow = memberOf(3_000)
    expect(read(slow, pages(slow, range))).toEqual([5_000, 5_000])
    const failing = memberOf(5_000, new Disconnected('silent'))
    expect(read(failing, pages(failing, range))).toEqual([625, 10_000])
  })

  it('have the same size after a slow or a quick page of another size; if it did not arrive, the next one has more time', () => {
    const slow = memberOf(3_000)
    expect(read(slow, onePage(slow, range, { limit: 0 }))).toEqual([10_000, 5_000])
    const failing = memberOf(5_000, new Disconnected('silent'))
    expect(read(failing, onePage(failing, range, { limit: 0 }))).toEqual([10_000, 10_000])
    const quick = memberOf(10)
    quick.paging.came(3_000)
    expect(read(quick, onePage(quick, range, { limit: 0 }))).toEqual([5_000, 5_000])
  })

  it('have the same size and time after a whole listing', () => {
    const failing = memberOf(30_000, new Disconnected('silent'))
    expect(read(failing, pages(failing, range, { whole: true }))).toEqual([10_000, 5_000])
    const slow = memberOf(3_000)
    expect(read(slow, pages(slow, range, { whole: true }))).toEqual([10_000, 5_000])
  })
})
