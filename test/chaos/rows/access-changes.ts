import { X509Certificate } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Range } from 'etcd3'
import { enableAuth, type TokenOptions } from '../../etcd/auth.js'
import { authenticationsIn } from '../../etcd/metrics.js'
import type { EtcdServer } from '../../etcd/server.js'
import { certificates, type Identity } from '../../etcd/tls.js'
import { alwaysRegistered, onlyStates, undisturbed } from '../checks.js'
import { memberOf, prefix, type Setting, type Stage } from '../on-stage.js'
import type { Row } from '../row.js'

const group = 'access'


/** An etcd with authentication. The subjects log in as a user with the permissions that they need and no others. */
const withAuth = (token: TokenOptions): Setting => ({
  server: { token },
  prepare: async members => {
    const { root, user } = await enableAuth(memberOf({ members }).client(), prefix)
    return { subjects: { auth: user }, admin: { auth: root } }
  },
})
const longLived: TokenOptions = { kind: 'simple', ttl: 300 }

const reset = (stage: Stage): Promise<void> => stage.network(proxy => proxy.reset())
/** How often any client logged in since there were `before` logins. */
const logins = async (stage: Stage, before: number): Promise<string> => `logins in total: ${(await authenticationsIn(memberOf(stage).endpoint)) - before}`
/** When the connections are reset, s after the strike; the row lasts twice as long. */
const resetAfter = 10

/** The reset makes clients reconnect with a token that has expired: they must log in again. */
const shortTokens = (kind: TokenOptions['kind']): Row => ({
  group,
  name: `${kind === 'jwt' ? 'JSON web tokens' : 'simple tokens'} with a TTL of 2 s, connections reset after ${resetAfter} s`,
  setting: withAuth({ kind, ttl: 2 }),
  strike: async stage => {
    const before = await authenticationsIn(memberOf(stage).endpoint)
    await sleep(resetAfter * 1_000)
    await reset(stage)
    await sleep(resetAfter * 1_000)
    stage.note(await logins(stage, before))
  },
  detected: resetAfter * 1_000 + 1_000,
  judge: outcome => [...onlyStates('discovery', outcome.ours.sets, /^(live|stale \(Disconnected\))$/), ...alwaysRegistered(outcome)],
})

const role = 'services'
const everything = { permission: 'Readwrite', range: Range.prefix(prefix) } as const

const other = certificates()
const own = certificates()
/** Writes other certificates into the files that etcd was started with, and restarts it. */
const recertify = async (stage: Stage, { ca, server }: typeof own): Promise<void> => {
  const { dir, restart } = memberOf(stage)
  for (const [name, content] of [['ca.crt', ca], ['server.crt', server.cert], ['server.key', server.key]] as const) writeFileSync(join(dir, name), content)
  await restart()
}
const pem = { ca: String(own.ca), cert: String(own.client.cert), key: String(own.client.key) }

// gRPC uses IP addresses as TLS server names, and Node warns about each one.
const certified: Setting = { server: { tls: own }, assignment: { tls: pem }, launch: { env: { NODE_OPTIONS: '--disable-warning=DEP0123' } } }

/** The files of a client certificate, in the directory of etcd. */
const clientFiles = ({ dir }: EtcdServer) => ({ ca: join(dir, 'ca.crt'), cert: join(dir, 'client.crt'), key: join(dir, 'client.key') })
const renewFiles = (etcd: EtcdServer, { cert, key }: Identity): void => {
  const files = clientFiles(etcd)
  writeFileSync(files.cert, cert)
  writeFileSync(files.key, key)
}
/** For how long (ms) the client certificate is valid: the subjects must start within that time. */
const validFor = 30_000
const shortLived: Setting = {
  server: { tls: own },
  launch: { env: { NODE_OPTIONS: '--disable-warning=DEP0123' } },
  prepare: members => {
    const etcd = memberOf({ members })
    renewFiles(etcd, own.clientFor('client', validFor))
    return Promise.resolve({ subjects: { tlsFiles: clientFiles(etcd) } })
  },
}
/** Resolves when the certificate that is in the file now has expired. */
const expiry = (stage: Stage): Promise<void> => {
  const { validTo } = new X509Certificate(readFileSync(clientFiles(memberOf(stage)).cert))
  return sleep(Math.max(0, Date.parse(validTo) - Date.now()) + 500)
}

/** The password in a file in the directory of etcd. */
const passwordFile = ({ dir }: EtcdServer): string => join(dir, 'password')
const changePassword = async (stage: Stage, password: string): Promise<void> => {
  await stage.admin().user('user').setPassword(password)
  writeFileSync(passwordFile(memberOf(stage)), password)
}
const withPasswordFile: Setting = {
  server: { token: longLived },
  prepare: async members => {
    const etcd = memberOf({ members })
    const { root, user } = await enableAuth(etcd.client(), prefix)
    writeFileSync(passwordFile(etcd), user.password)
    return { subjects: { auth: user, passwordFile: passwordFile(etcd) }, admin: { auth: root } }
  },
}

const refusals = /^(live|stale \((Disconnected|Denied)\))$/

/** Tokens, roles, passwords and certificates that change while the subjects run. */
export const accessChanges: readonly Row[] = [
  shortTokens('simple'),
  shortTokens('jwt'),
  {
    group,
    name: 'role revoked, granted again after 4 s',
    setting: withAuth(longLived),
    strike: ({ admin }) => admin().user('user').removeRole(role),
    last: 4_000,
    lift: ({ admin }) => admin().user('user').addRole(role),
    judge: undisturbed,
    remark: 'open watches continue',
  },
  {
    group,
    name: 'role revoked, connections reset, granted again after 8 s',
    setting: withAuth(longLived),
    strike: async stage => {
      const before = await authenticationsIn(memberOf(stage).endpoint)
      await stage.admin().user('user').removeRole(role)
      await reset(stage)
      await sleep(8_000)
      stage.note(await logins(stage, before))
    },
    lift: ({ admin }) => admin().user('user').addRole(role),
    // A registration that may not read its key does not know whether it is there, and reports that.
    judge: ({ ours }) => [...onlyStates('discovery', ours.sets, refusals), ...onlyStates('registration', ours.registration, /^(registered|lost \(Denied\))$/)],
  },
  {
    group,
    name: 'write permission revoked, connections reset, granted again after 4 s',
    setting: withAuth(longLived),
    strike: async stage => {
      await stage.admin().role(role).revoke(everything)
      await stage.admin().role(role).grant({ ...everything, permission: 'Read' })
      await reset(stage)
    },
    last: 4_000,
    lift: ({ admin }) => admin().role(role).grant(everything),
    judge: outcome => [...onlyStates('discovery', outcome.ours.sets, refusals), ...alwaysRegistered(outcome)],
  },
  {
    group,
    name: 'password changed, connections reset, changed back after 8 s',
    setting: withAuth(longLived),
    strike: async stage => {
      const before = await authenticationsIn(memberOf(stage).endpoint)
      await stage.admin().user('user').setPassword('another')
      await reset(stage)
      await sleep(8_000)
      stage.note(await logins(stage, before))
    },
    lift: ({ admin }) => admin().user('user').setPassword('user-password'),
  },
  {
    group,
    name: 'password changed for good, and in the file from which it is read, etcd killed and restarted',
    core: true,
    setting: withPasswordFile,
    strike: async stage => {
      await changePassword(stage, 'another')
      await memberOf(stage).restart()
    },
    judge: outcome => [...onlyStates('discovery', outcome.ours.sets, /^(live|stale \(Disconnected\))$/), ...alwaysRegistered(outcome)],
    remark: 'the restart ends all tokens',
  },
  {
    group,
    name: 'client certificate expires while connected, files renewed before, connections reset',
    setting: shortLived,
    strike: async stage => {
      const expired = expiry(stage)
      renewFiles(memberOf(stage), own.client)
      await expired
      await reset(stage)
    },
    detected: validFor + 2_000,
    judge: outcome => [...onlyStates('discovery', outcome.ours.sets, /^(live|stale \(Disconnected\))$/), ...alwaysRegistered(outcome)],
  },
  {
    group,
    name: 'client certificate expires while connected, connections reset, files renewed 3 s later',
    setting: shortLived,
    strike: async stage => {
      await expiry(stage)
      await reset(stage)
    },
    last: 3_000,
    lift: stage => renewFiles(memberOf(stage), own.client),
    detected: validFor + 2_000,
    judge: ({ ours }) => onlyStates('discovery', ours.sets, /^(live|stale \(Disconnected\))$/),
  },
  {
    group,
    name: 'server certificates of another authority for 4 s',
    setting: certified,
    strike: stage => recertify(stage, other),
    last: 4_000,
    lift: stage => recertify(stage, own),
    judge: ({ ours }) => [...onlyStates('discovery', ours.sets, /^(live|stale \(Disconnected\))$/), ...onlyStates('registration', ours.registration, /^(registered|lost \(LeaseLost\)|registering)$/)],
  },
  {
    group,
    name: 'TLS with client certificates, etcd killed and restarted',
    core: true,
    times: 3,
    setting: certified,
    strike: stage => memberOf(stage).restart(),
    judge: alwaysRegistered,
  },
]
