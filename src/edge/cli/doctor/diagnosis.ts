import { counted } from '../counted.js'
import { someOf } from '../some-of.js'
import type { EndpointReport } from './examine-endpoint.js'
import type { PrefixReport } from './examine-prefix.js'
import type { Finding, Grade, DocsPage } from './finding.js'
import { knownBugs } from './known-bugs.js'

/** Where each category is explained. */
const pages: Readonly<Record<Finding['category'], DocsPage>> = {
  endpoints: { file: 'docs/etcd.md', heading: 'Connection' },
  login: { file: 'docs/etcd.md', heading: 'TLS and logins' },
  cluster: { file: 'docs/etcd.md', heading: 'Hosts that change' },
  quorum: { file: 'docs/reliability.md', heading: 'Results: three members' },
  version: { file: 'docs/etcd.md', heading: 'Known bugs by version' },
  alarms: { file: 'docs/cli.md', heading: 'Alarms' },
  'pre-vote': { file: 'docs/reliability.md', heading: 'Results: three members' },
  permissions: { file: 'docs/api.md', heading: 'Roles of etcd' },
  clock: { file: 'docs/cli.md', heading: 'doctor' },
  latency: { file: 'docs/cli.md', heading: 'doctor' },
  leases: { file: 'docs/cli.md', heading: 'doctor' },
  entries: { file: 'docs/interop.md', heading: 'Keys and values' },
}

const finding = (category: Finding['category'], status: Grade, text: string): Finding => ({ category, status, text, see: pages[category] })

/** The most names in a sentence. */
const mostNamed = 3
const named = (names: readonly string[]): string => someOf(names, mostNamed)

const hostsOf = (reports: readonly EndpointReport[]): string => named(reports.map(({ host }) => host))

/** The reports by a value of each, without those that have none. */
const groupedBy = (reports: readonly EndpointReport[], value: (report: EndpointReport) => string | undefined): ReadonlyMap<string, readonly EndpointReport[]> => {
  const groups = new Map<string, readonly EndpointReport[]>()
  for (const report of reports) {
    const key = value(report)
    if (key !== undefined) groups.set(key, [...(groups.get(key) ?? []), report])
  }
  return groups
}

const reachable = (reports: readonly EndpointReport[]): readonly Finding[] => {
  const silent = reports.filter(({ unreachable }) => unreachable !== undefined)
  const all = counted(reports.length, 'endpoint')
  if (reports.length === 0) return [finding('endpoints', 'fail', 'DNS names no endpoint')]
  if (silent.length === 0) return [finding('endpoints', 'ok', reports.length === 1 ? `the endpoint ${hostsOf(reports)} answers` : `all ${all} answer`)]
  const status = silent.length === reports.length ? 'fail' : 'warn'
  return silent.map(({ unreachable = '' }) => finding('endpoints', status, unreachable))
}

const logins = (reports: readonly EndpointReport[]): readonly Finding[] => {
  const refusals = groupedBy(reports, ({ refused }) => refused)
  return [...refusals.keys()].map(text => finding('login', 'fail', `${text} (check --user, and ETCD_PASSWORD in the environment)`))
}

const cluster = (reports: readonly EndpointReport[]): readonly Finding[] => {
  const clusters = groupedBy(reports, report => report.cluster && BigInt(report.cluster).toString(16))
  if (clusters.size === 0) return []
  const [[id] = ['']] = clusters
  if (clusters.size === 1) return [finding('cluster', 'ok', `all endpoints that answer belong to the cluster ${id}`)]
  const parts = [...clusters].map(([each, own]) => `${hostsOf(own)} to ${each}`).join('; ')
  return [finding('cluster', 'fail', `the endpoints belong to ${clusters.size} clusters, so registrations and consumers may not meet: ${parts}`)]
}

const quorum = (reports: readonly EndpointReport[]): readonly Finding[] => {
  const learners = reports.filter(({ isLearner }) => isLearner)
  const voters = reports.filter(({ isLearner }) => isLearner !== true)
  const without = voters.filter(({ noReads }) => noReads !== undefined)
  const isLed = voters.length > without.length
  const found: Finding[] = []
  const members = voters.find(report => report.voters !== undefined)?.voters
  const votes = members === undefined ? '' : ` (${members === 1 ? 'the only member' : `${members} members vote`})`
  if (voters.length > 0 && without.length === 0) found.push(finding('quorum', 'ok', `the cluster has a leader and answers reads${votes}`))
  else if (isLed) found.push(...without.map(({ noReads = '' }) => finding('quorum', 'warn', `other members answer reads, but ${noReads}`)))
  else if (voters.length > 0) {
    const leaderless = voters.some(({ hasLeader }) => hasLeader === false) ? 'no member knows a leader' : 'no member answers a read that needs one'
    found.push(finding('quorum', 'fail', `the cluster has no quorum${votes}: ${leaderless}. Sets stay as they were, registrations are lost when their TTL is over: ${without[0]?.noReads ?? ''}`))
  }
  if (learners.length > 0) found.push(finding('quorum', 'warn', `${hostsOf(learners)} ${learners.length === 1 ? 'is a learner, which answers' : 'are learners, which answer'} almost nothing; name voting members`))
  return found
}

const versions = (reports: readonly EndpointReport[]): readonly Finding[] => {
  const byVersion = groupedBy(reports, ({ version }) => version)
  if (byVersion.size === 0) return [finding('version', 'warn', 'the version of etcd is not known: the status needs more permissions, and the endpoint answers no HTTP')]
  const mixed = byVersion.size > 1 ? [finding('version', 'warn', `the members have different versions: ${[...byVersion].map(([version, own]) => `${hostsOf(own)} ${version}`).join(', ')}`)] : []
  const each = [...byVersion].map(([version, own]) => {
    const { line, bugs, without } = knownBugs(version)
    if (line === undefined || Number(line.split('.')[1]) < 4 || !line.startsWith('3.')) return finding('version', 'warn', `etcd ${version} (${hostsOf(own)}) has not been tested; 3.4 to 3.7 have`)
    if (without === undefined) return finding('version', 'ok', `etcd ${version} has no known bug that matters here`)
    const isDire = version.startsWith('3.5.') && bugs.some(text => text.includes('different data'))
    return finding('version', isDire ? 'fail' : 'warn', `etcd ${version} has bugs that ${without} has not: ${bugs.join('; ')}`)
  })
  return [...mixed, ...each]
}

const meaning = (alarm: string): string => {
  if (alarm.startsWith('NOSPACE')) return `${alarm}: the database has reached its quota; writes and new leases are refused while renewals go on`
  return alarm.startsWith('CORRUPT') ? `${alarm}: a member differs from the others; writes, new leases and the end of expired leases are refused` : alarm
}

const alarms = (reports: readonly EndpointReport[]): readonly Finding[] => {
  const asked = reports.filter(report => report.alarms !== undefined)
  if (asked.length === 0) return [finding('alarms', 'warn', 'the alarms are not known: the status of etcd may not be read by this user (root may)')]
  const raised = [...new Set(asked.flatMap(report => report.alarms ?? []))]
  return raised.length === 0 ? [finding('alarms', 'ok', 'no alarm is raised')] : raised.map(alarm => finding('alarms', 'fail', meaning(alarm)))
}

const preVote = (reports: readonly EndpointReport[]): readonly Finding[] => {
  const old = reports.filter(({ version }) => version?.startsWith('3.4.'))
  const known = reports.filter(({ version }) => version !== undefined)
  if (known.length === 0) return []
  if (old.length === 0) return [finding('pre-vote', 'ok', 'from etcd 3.5 on, --pre-vote is on by default')]
  if (reports.some(({ voters }) => voters === 1)) return [finding('pre-vote', 'ok', 'a single member holds no elections against others')]
  return [finding('pre-vote', 'warn', 'etcd 3.4 does not show from outside whether it runs with --pre-vote, which is off by default; without it, a member that returns forces an election, and leases may be lost')]
}

const permissions = ({ prefix, tried }: PrefixReport): readonly Finding[] => {
  const problems = tried.filter(({ problem }) => problem !== undefined)
  const allowed = tried.filter(({ problem }) => problem === undefined).map(({ deed }) => deed)
  const failed = problems.map(({ deed, problem = '' }) =>
    deed === 'read overrides'
      ? finding('permissions', 'warn', `registrations of this user do not follow drain and undrain: ${problem}`)
      : finding('permissions', 'fail', `cannot ${deed} under ${prefix}: ${problem}`),
  )
  return allowed.length === 0 ? failed : [finding('permissions', 'ok', `under ${prefix} this user may ${allowed.join(', ')}`), ...failed]
}

/** Differences of clocks that are reported, ms: the time of etcd has whole seconds. */
const mostSkew = 2_000

const clock = (reports: readonly EndpointReport[]): readonly Finding[] => {
  const skews = reports.flatMap(({ host, ahead }) => (ahead === undefined ? [] : [{ host, ahead }]))
  if (skews.length === 0) return [finding('clock', 'warn', 'the clock of etcd is not known: the endpoint answers no HTTP')]
  const off = skews.filter(({ ahead }) => Math.abs(ahead) > mostSkew)
  if (off.length === 0) return [finding('clock', 'ok', 'the clocks of this machine and of etcd agree to two seconds')]
  return off.map(({ host, ahead }) =>
    finding('clock', 'warn', `the clock of ${host} is ${Math.round(Math.abs(ahead) / 1_000)} s ${ahead > 0 ? 'ahead of' : 'behind'} that of this machine; leases do not depend on it, but certificates, tokens and the times in logs do`),
  )
}

/** The TTL of `register` by default, s. */
const usualTtl = 10

const latency = (reports: readonly EndpointReport[], prefixes: readonly PrefixReport[]): readonly Finding[] => {
  const reads = reports.flatMap(report => report.reads).sort((a, b) => a - b)
  if (reads.length === 0) return []
  const writes = prefixes.flatMap(({ write }) => write ?? [])
  const ttls = prefixes.flatMap(({ content }) => content?.leases.map(({ ttl }) => ttl) ?? [])
  const ttl = ttls.reduce((least, each) => Math.min(least, each), ttls[0] ?? usualTtl)
  const slowest = Math.max(...reads, ...writes)
  const ms = (value: number): string => `${value < 10 ? Math.ceil(value * 10) / 10 : Math.round(value)} ms`
  const measured = `a read takes ${ms(reads[Math.floor(reads.length / 2)] ?? 0)}${writes.length === 0 ? '' : `, a write ${ms(Math.max(...writes))}`}, the slowest of them ${ms(slowest)}`
  const against = `${ttls.length === 0 ? 'the TTL of a registration is by default' : 'the shortest TTL is'} ${ttl} s`
  // A lease is renewed three times in its TTL.
  if (slowest > (ttl * 1_000) / 3) return [finding('latency', 'fail', `${measured}; ${against}, of which a renewal may take a third at most`)]
  return [finding('latency', slowest > (ttl * 1_000) / 10 ? 'warn' : 'ok', `${measured}; ${against}`)]
}

/** TTLs outside of these are reported, s. */
const [leastTtl, mostTtl] = [3, 600]

const leases = ({ prefix, content }: PrefixReport): readonly Finding[] => {
  if (content === undefined) return []
  const { instances, unleased, leases: found, unasked } = content
  const long = found.filter(({ ttl }) => ttl > mostTtl)
  const short = found.filter(({ ttl }) => ttl < leastTtl)
  const rest = unasked === 0 ? '' : ` (${counted(unasked, 'lease')} ${unasked === 1 ? 'was' : 'were'} not asked for)`
  const problems = [
    ...(unleased.length === 0 ? [] : [finding('leases', 'warn', `${unleased.length} of ${counted(instances, 'instance')} under ${prefix} ${unleased.length === 1 ? 'has' : 'have'} no lease, so nothing deletes the key when the process dies: ${named(unleased)}`)]),
    ...(long.length === 0 ? [] : [finding('leases', 'warn', `${counted(long.length, 'lease')} under ${prefix} ${long.length === 1 ? 'has' : 'have'} a TTL over ${mostTtl} s, for which a dead instance stays in every set: ${named(long.map(({ key, ttl }) => `${key} ${ttl} s`))}${rest}`)]),
    ...(short.length === 0 ? [] : [finding('leases', 'warn', `${counted(short.length, 'lease')} under ${prefix} ${short.length === 1 ? 'has' : 'have'} a TTL under ${leastTtl} s, so a short pause of the process or of etcd loses it: ${named(short.map(({ key, ttl }) => `${key} ${ttl} s`))}${rest}`)]),
  ]
  if (problems.length > 0) return problems
  if (instances === 0) return [finding('leases', 'ok', `there are no instances under ${prefix}`)]
  return [finding('leases', 'ok', `${counted(instances, 'instance')} under ${prefix} ${instances === 1 ? 'has a lease' : 'have leases'} of ${leastTtl} to ${mostTtl} s${rest}`)]
}

const entries = ({ prefix, content }: PrefixReport): readonly Finding[] => {
  if (content === undefined || content.rejected.length === 0) return []
  const { rejected } = content
  return [finding('entries', 'warn', `${counted(rejected.length, 'entry')} under ${prefix} cannot be read: ${named(rejected.map(({ key, reason }) => `${key}: ${reason}`))}`)]
}

/** Judges what was found out. Pure. `prefixes` is empty if there is no quorum. */
export const diagnosis = (reports: readonly EndpointReport[], prefixes: readonly PrefixReport[]): readonly Finding[] => {
  const answering = reports.filter(({ unreachable, refused }) => unreachable === undefined && refused === undefined)
  const silent = reachable(reports)
  if (answering.length === 0) return [...silent, ...logins(reports)]
  return [
    ...silent,
    ...logins(reports),
    ...cluster(answering),
    ...quorum(answering),
    ...versions(answering),
    ...alarms(answering),
    ...preVote(answering),
    ...(prefixes.length === 0 ? [finding('permissions', 'warn', 'what this user may do is not known, since the cluster answers no reads')] : prefixes.flatMap(permissions)),
    ...clock(answering),
    ...latency(answering, prefixes),
    ...prefixes.flatMap(leases),
    ...prefixes.flatMap(entries),
  ]
}
