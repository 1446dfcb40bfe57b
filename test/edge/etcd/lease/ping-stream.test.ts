import { Subject } from 'rxjs'
import { describe, expect, it } from 'vitest'
import type { Member } from '../../../../src/edge/etcd/connection/member.js'
import { pingAlone } from '../../../../src/edge/etcd/lease/ping-stream.js'
import { number } from '../wire/protobuf-writer.js'

describe('a lease pinged alone', () => {
  it('does not count as gone because of an answer about another lease, or about none', () => {
    const answers = new Subject<Buffer>()
    const member = { host: 'etcd', stream: () => answers } as unknown as Member
    const heard: (readonly [string, number])[] = []
    const asking = pingAlone(member, '7').subscribe(({ id, ttl }) => heard.push([id, ttl]))
    answers.next(Buffer.alloc(0))
    answers.next(number(2, 8n))
    expect(heard).toEqual([])
    answers.next(Buffer.concat([number(2, 7n), number(3, 10n)]))
    answers.next(number(2, 7n))
    expect(heard).toEqual([['7', 10], ['7', 0]])
    asking.unsubscribe()
    expect(answers.observed).toBe(false)
  })
})
