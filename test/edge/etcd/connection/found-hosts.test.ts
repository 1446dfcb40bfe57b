import { concatMap, firstValueFrom, of, throwError, timer, type Observable } from 'rxjs'
import { describe, expect, it } from 'vitest'
import { foundHosts } from '../../../../src/edge/etcd/connection/found-hosts.js'
import type { Member } from '../../../../src/edge/etcd/connection/member.js'

const memberWith = (...members: readonly { readonly clientURLs: readonly string[]; readonly isLearner?: boolean }[]): Member =>
  ({ call: () => of({ members: members.map(member => ({ isLearner: false, ...member })) }) }) as unknown as Member
const found = async (member: Member, answering: readonly string[]) => {
  const asked: string[] = []
  const answers = (url: string): Observable<unknown> => {
    asked.push(url)
    return timer(1).pipe(concatMap(() => (answering.includes(url) ? of({}) : throwError(() => new Error('another cluster')))))
  }
  return { hosts: await firstValueFrom(foundHosts(use => use(member), answers)), asked }
}

describe('the hosts that the cluster names', () => {
  it('are of each member the first URL on which the cluster answers', async () => {
    const { hosts, asked } = await found(memberWith({ clientURLs: ['http://localhost:2379', 'http://a:1'] }, { clientURLs: ['http://b:1', 'http://b:2'] }), ['http://a:1', 'http://b:1', 'http://b:2'])
    expect(hosts).toEqual(['http://a:1', 'http://b:1'])
    expect(asked).not.toContain('http://b:2')
  })
  it('leave out learners, members that have not started, and those that do not answer', async () => {
    const { hosts, asked } = await found(memberWith({ clientURLs: ['http://a:1'], isLearner: true }, { clientURLs: [] }, { clientURLs: ['http://away:1'] }, { clientURLs: ['http://b:1'] }), ['http://a:1', 'http://b:1'])
    expect(hosts).toEqual(['http://b:1'])
    expect(asked).not.toContain('http://a:1')
  })
  it('are none if no member can be used', async () => {
    expect((await found(memberWith(), [])).hosts).toEqual([])
  })
})
