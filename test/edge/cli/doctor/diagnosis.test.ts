import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { diagnosis } from '../../../../src/edge/cli/doctor/diagnosis.js'
import type { EndpointReport } from '../../../../src/edge/cli/doctor/examine-endpoint.js'
import type { PrefixReport } from '../../../../src/edge/cli/doctor/examine-prefix.js'

const endpoint = (name: string, changed: Partial<EndpointReport> = {}): EndpointReport => ({
  ...{ host: `http://${name}:2379`, cluster: '255', version: '3.5.30', hasLeader: true, isLearner: false },
  ...{ alarms: [], voters: 3, reads: [1.23, 2, 3], ahead: 100 },
  ...changed,
})
const content: NonNullable<PrefixReport['content']> = { instances: 2, unleased: [], rejected: [], leases: [{ key: '/rx-discovery/web/a', ttl: 10 }], unasked: 0 }
const place = (changed: Partial<PrefixReport> = {}): PrefixReport => ({
  ...{ prefix: '/rx-discovery/', write: 4, content },
  tried: (['list', 'watch', 'grant a lease', 'write', 'delete', 'revoke', 'read overrides'] as const).map(deed => ({ deed })),
  ...changed,
})
const all = [endpoint('a'), endpoint('b'), endpoint('c')]

/** The lines about what is not well. */
const complaints = (reports: readonly EndpointReport[], prefixes: readonly PrefixReport[] = [place()]): readonly string[] =>
  diagnosis(reports, prefixes).filter(({ status }) => status !== 'ok').map(({ category, status, text }) => `${status} ${category}: ${text}`)

describe('a diagnosis', () => {
  it('of a healthy cluster has one line for each category', () => {
    expect(diagnosis(all, [place()]).map(({ category, status, text }) => `${status} ${category}: ${text}`)).toEqual([
      'ok endpoints: all 3 endpoints answer',
      'ok cluster: all endpoints that answer belong to the cluster ff',
      'ok quorum: the cluster has a leader and answers reads (3 members vote)',
      'ok version: etcd 3.5.30 has no known bug that matters here',
      'ok alarms: no alarm is raised',
      'ok pre-vote: from etcd 3.5 on, --pre-vote is on by default',
      'ok permissions: under /rx-discovery/ this user may list, watch, grant a lease, write, delete, revoke, read overrides',
      'ok clock: the clocks of this machine and of etcd agree to two seconds',
      'ok latency: a read takes 2 ms, a write 4 ms, the slowest of them 4 ms; the shortest TTL is 10 s',
      'ok leases: 2 instances under /rx-discovery/ have leases of 3 to 600 s',
    ])
  })

  it.each<[string, Partial<EndpointReport>, Partial<EndpointReport>, readonly string[]]>([
    ['one endpoint away', {}, { unreachable: 'http://b:2379 refused the connection', reads: [] }, ['warn endpoints: http://b:2379 refused the connection']],
    ['two clusters', {}, { cluster: '16' }, ['fail cluster: the endpoints belong to 2 clusters, so registrations and consumers may not meet: http://a:2379 to ff; http://b:2379 to 10']],
    ['a member without a leader', {}, { hasLeader: false, noReads: 'http://b:2379 has no leader', reads: [] }, ['warn quorum: other members answer reads, but http://b:2379 has no leader']],
    ['a learner', {}, { isLearner: true, noReads: 'learner', reads: [] }, ['warn quorum: http://b:2379 is a learner, which answers almost nothing; name voting members']],
    ['different versions', {}, { version: '3.6.9' }, ['warn version: the members have different versions: http://a:2379 3.5.30, http://b:2379 3.6.9']],
    ['a version with data loss', { version: '3.5.2' }, { version: '3.5.2' }, [expect.stringMatching(/^fail version: etcd 3\.5\.2 has bugs that 3\.5\.28 has not: members can end up with different data/)]],
    ['a version that is too old', { version: '3.3.1' }, { version: '3.3.1' }, ['warn version: etcd 3.3.1 (http://a:2379, http://b:2379) has not been tested; 3.4 to 3.7 have']],
    ['etcd 3.4', { version: '3.4.42' }, { version: '3.4.42' }, ['warn pre-vote: etcd 3.4 does not show from outside whether it runs with --pre-vote, which is off by default; without it, a member that returns forces an election, and leases may be lost']],
    ['one member of etcd 3.4', { version: '3.4.42', voters: 1 }, { version: '3.4.42', voters: 1 }, []],
    ['alarms', { alarms: ['NOSPACE on member 1'] }, { alarms: ['NOSPACE on member 1', 'CORRUPT on member 2'] }, [
      'fail alarms: NOSPACE on member 1: the database has reached its quota; writes and new leases are refused while renewals go on',
      'fail alarms: CORRUPT on member 2: a member differs from the others; writes, new leases and the end of expired leases are refused',
    ]],
    ['alarms that may not be read', { alarms: undefined }, { alarms: undefined }, ['warn alarms: the alarms are not known: the status of etcd may not be read by this user (root may)']],
    ['a clock', {}, { ahead: -7_400 }, ['warn clock: the clock of http://b:2379 is 7 s behind that of this machine; leases do not depend on it, but certificates, tokens and the times in logs do']],
    ['no HTTP', { ahead: undefined, version: undefined }, { ahead: undefined, version: undefined }, [
      'warn version: the version of etcd is not known: the status needs more permissions, and the endpoint answers no HTTP',
      'warn clock: the clock of etcd is not known: the endpoint answers no HTTP',
    ]],
    ['slow answers', { reads: [1_500] }, {}, ['warn latency: a read takes 3 ms, a write 4 ms, the slowest of them 1500 ms; the shortest TTL is 10 s']],
    ['very slow answers', { reads: [3_500] }, {}, ['fail latency: a read takes 3 ms, a write 4 ms, the slowest of them 3500 ms; the shortest TTL is 10 s, of which a renewal may take a third at most']],
  ])('with %s names it', (_, first, second, expected) => {
    expect(complaints([endpoint('a', first), endpoint('b', second)])).toEqual(expected)
  })

  it('without quorum says what that means, and what is not known', () => {
    const away = endpoint('b', { unreachable: 'http://b:2379 refused the connection', reads: [] })
    expect(complaints([endpoint('a', { hasLeader: false, noReads: 'http://a:2379 has no leader: x', reads: [] }), away], [])).toEqual([
      'warn endpoints: http://b:2379 refused the connection',
      'fail quorum: the cluster has no quorum (3 members vote): no member knows a leader. Sets stay as they were, registrations are lost when their TTL is over: http://a:2379 has no leader: x',
      'warn permissions: what this user may do is not known, since the cluster answers no reads',
    ])
  })

  it('without any answer, or with a refused login, has nothing else to say', () => {
    const away = endpoint('a', { unreachable: 'http://a:2379 refused the connection', reads: [] })
    expect(complaints([away, away])).toEqual(['fail endpoints: http://a:2379 refused the connection', 'fail endpoints: http://a:2379 refused the connection'])
    expect(complaints([])).toEqual(['fail endpoints: DNS names no endpoint'])
    expect(complaints([endpoint('a', { refused: 'http://a:2379: authentication failed' })], [])).toEqual(['fail login: http://a:2379: authentication failed (check --user, and ETCD_PASSWORD in the environment)'])
  })

  it('names what is not permitted, and warns that drain has no effect if overrides may not be read', () => {
    const tried: PrefixReport['tried'] = [{ deed: 'list' }, { deed: 'write', problem: 'permission denied' }, { deed: 'read overrides', problem: 'denied, too' }]
    expect(complaints(all, [place({ tried })])).toEqual([
      'fail permissions: cannot write under /rx-discovery/: permission denied',
      'warn permissions: registrations of this user do not follow drain and undrain: denied, too',
    ])
  })

  it('names instances without a lease, absurd TTLs, and entries that cannot be read', () => {
    const found = {
      ...{ instances: 5, unasked: 0, unleased: ['/k/1', '/k/2', '/k/3', '/k/4'] },
      rejected: [{ key: '/k/bad', reason: 'the value must be JSON' }],
      leases: [{ key: '/k/5', ttl: 86_400 }, { key: '/k/6', ttl: 2 }],
    }
    expect(complaints(all, [place({ prefix: '/k/', content: found })])).toEqual([
      'warn leases: 4 of 5 instances under /k/ have no lease, so nothing deletes the key when the process dies: /k/1, /k/2, /k/3 and 1 more',
      'warn leases: 1 lease under /k/ has a TTL over 600 s, for which a dead instance stays in every set: /k/5 86400 s',
      'warn leases: 1 lease under /k/ has a TTL under 3 s, so a short pause of the process or of etcd loses it: /k/6 2 s',
      'warn entries: 1 entry under /k/ cannot be read: /k/bad: the value must be JSON',
    ])
  })

  it('counts the leases that were not asked for', () => {
    const leasesOf = (unasked: number, leases = content.leases): string | undefined => diagnosis(all, [place({ content: { ...content, unasked, leases } })]).find(({ category }) => category === 'leases')?.text
    expect(leasesOf(1)).toBe('2 instances under /rx-discovery/ have leases of 3 to 600 s (1 lease was not asked for)')
    expect(leasesOf(2)).toBe('2 instances under /rx-discovery/ have leases of 3 to 600 s (2 leases were not asked for)')
    expect(leasesOf(2, [{ key: '/k/6', ttl: 2 }])).toMatch(/loses it: \/k\/6 2 s \(2 leases were not asked for\)$/)
  })

  it('links to headings that exist', () => {
    const reports = [endpoint('a', { refused: undefined }), endpoint('b', { unreachable: 'x' }), endpoint('c', { refused: 'x' })]
    const pages = diagnosis(reports, [place({ content: { ...content, rejected: [{ key: 'k', reason: 'r' }] } })]).map(({ see }) => see)
    expect(new Set(diagnosis(reports, [place()]).map(({ category }) => category))).toHaveLength(11)
    for (const { file, heading } of new Set(pages)) expect([...readFileSync(file, 'utf8').matchAll(/^#+ (.+)$/gm)].map(([, found]) => found), file).toContain(heading)
  })
})
