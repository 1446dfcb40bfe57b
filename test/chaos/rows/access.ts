import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Range } from 'etcd3'
import { enableAuth, type TokenOptions } from '../../etcd/auth.js'
import { authenticationsIn } from '../../etcd/metrics.js'
import type { EtcdServer } from '../../etcd/server.js'
import { certificates } from '../../etcd/tls.js'
import type { Outcome } from '../outcome.js'
import type { Row } from '../row.js'
import { prefix, type Setting, type Stage } from '../stage.js'
import { alwaysRegistered, only, unnoticed } from '../words.js'

const group = 'access'

const etcd = ({ members: [first] }: Stage): EtcdServer => {
  if (first === undefined) throw new Error('no etcd')
  return first
}

/** An etcd whose users have to log in, the subjects as one who may do what they need and nothing else. */
const guarded = (token: TokenOptions): Setting => ({
  server: { token },
  prepare: async ([member]) => {
    if (member === undefined) throw new Error('no etcd')
    const { root, user } = await enableAuth(member.client(), prefix)
    return { subjects: { auth: user }, admin: { auth: root } }
  },
})
const longLived: TokenOptions = { kind: 'simple', ttl: 300 }

const reset = (stage: Stage): Promise<void> => stage.network(proxy => proxy.reset())
/** Says how often somebody asked for a token since `before`: our process, the other one, or the other hand. */
const logins = async (stage: Stage, before: number): Promise<string> => `${(await authenticationsIn(etcd(stage).endpoint)) - before} logins by all`
const seconds = 20

/** The connections break once in between: with a token that has run out one cannot go on, only begin anew. */
const short = (kind: TokenOptions['kind']): Row => ({
  group,
  name: `${kind === 'jwt' ? 'JSON web tokens' : 'simple tokens'} of 2 s, for ${seconds} s, the connections reset in between`,
  setting: guarded({ kind, ttl: 2 }),
  strike: async stage => {
    const before = await authenticationsIn(etcd(stage).endpoint)
    await sleep((seconds / 2) * 1_000)
    await reset(stage)
    await sleep((seconds / 2) * 1_000)
    stage.note(await logins(stage, before))
  },
  noticed: (seconds / 2) * 1_000 + 1_000,
  judge: outcome => [...only('discovery', outcome.ours.sets, /^(live|stale \(Disconnected\))$/), ...alwaysRegistered(outcome)],
})

const role = 'services'
const everything = { permission: 'Readwrite', range: Range.prefix(prefix) } as const

const other = certificates()
const own = certificates()
/** Other certificates for etcd, in the files that it was started with. */
const recertify = async (stage: Stage, { ca, server }: typeof own): Promise<void> => {
  const { dir, restart } = etcd(stage)
  for (const [name, content] of [['ca.crt', ca], ['server.crt', server.cert], ['server.key', server.key]] as const) writeFileSync(join(dir, name), content)
  await restart()
}
const pem = { ca: String(own.ca), cert: String(own.client.cert), key: String(own.client.key) }

// Node warns of the names of servers that are IP addresses, of which gRPC makes some.
const certified: Setting = { server: { tls: own }, assignment: { tls: pem }, launch: { env: { NODE_OPTIONS: '--disable-warning=DEP0123' } } }

const refusals = /^(live|stale \((Disconnected|Denied)\))$/
const held = /^registered$/

/** Tokens, roles, passwords and certificates that change while we run. */
export const access: readonly Row[] = [
  short('simple'),
  short('jwt'),
  {
    group,
    name: 'the role taken away and given back',
    setting: guarded(longLived),
    strike: ({ admin }) => admin().user('user').removeRole(role),
    last: 4_000,
    lift: ({ admin }) => admin().user('user').addRole(role),
    judge: unnoticed,
    remark: 'open watches go on',
  },
  {
    group,
    name: 'the role taken away, the connections reset, given back after 8 s',
    setting: guarded(longLived),
    strike: async stage => {
      const before = await authenticationsIn(etcd(stage).endpoint)
      await stage.admin().user('user').removeRole(role)
      await reset(stage)
      await sleep(8_000)
      stage.note(await logins(stage, before))
    },
    lift: ({ admin }) => admin().user('user').addRole(role),
    judge: ({ ours }) => [...only('discovery', ours.sets, refusals), ...only('registration', ours.registration, held)],
  },
  {
    group,
    name: 'the role may no longer write, the connections reset, and after 4 s it may again',
    setting: guarded(longLived),
    strike: async stage => {
      await stage.admin().role(role).revoke(everything)
      await stage.admin().role(role).grant({ ...everything, permission: 'Read' })
      await reset(stage)
    },
    last: 4_000,
    lift: ({ admin }) => admin().role(role).grant(everything),
    judge: outcome => [...only('discovery', outcome.ours.sets, refusals), ...alwaysRegistered(outcome)],
  },
  {
    group,
    name: 'the password changed, the connections reset, changed back after 8 s',
    setting: guarded(longLived),
    strike: async stage => {
      const before = await authenticationsIn(etcd(stage).endpoint)
      await stage.admin().user('user').setPassword('another')
      await reset(stage)
      await sleep(8_000)
      stage.note(await logins(stage, before))
    },
    lift: ({ admin }) => admin().user('user').setPassword('user-password'),
  },
  {
    group,
    name: 'certificates of another authority on the server for 4 s',
    setting: certified,
    strike: stage => recertify(stage, other),
    last: 4_000,
    lift: stage => recertify(stage, own),
    judge: ({ ours }: Outcome) => [...only('discovery', ours.sets, /^(live|stale \(Disconnected\))$/), ...only('registration', ours.registration, /^(registered|lost \(LeaseLost\)|registering)$/)],
  },
  {
    group,
    name: 'TLS with client certificates, etcd killed and restarted',
    core: true,
    times: 3,
    setting: certified,
    strike: stage => etcd(stage).restart(),
    judge: alwaysRegistered,
  },
]
