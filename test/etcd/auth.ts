import { generateKeyPairSync } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Range, type Etcd3 } from 'etcd3'

/** The kind of tokens that etcd issues, and their TTL in seconds. */
export interface TokenOptions {
  readonly kind: 'simple' | 'jwt'
  readonly ttl: number
}

/** The flags for these tokens. The keys of JSON web tokens are generated and written into `dir`. */
export const tokenFlags = ({ kind, ttl }: TokenOptions, dir: string): readonly string[] => {
  if (kind === 'simple') return ['--auth-token', 'simple', '--auth-token-ttl', String(ttl)]
  const [pub, priv] = [join(dir, 'jwt.pub'), join(dir, 'jwt.key')]
  const { publicKey, privateKey } = generateKeyPairSync('rsa', {
    modulusLength: 2048,
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs1', format: 'pem' },
  })
  writeFileSync(pub, publicKey)
  writeFileSync(priv, privateKey)
  return ['--auth-token', `jwt,pub-key=${pub},priv-key=${priv},sign-method=RS256,ttl=${ttl}s`]
}

/** A user name and a password, as etcd3's option `auth` takes them. */
export interface Login {
  readonly username: string
  readonly password: string
}

/** The users of an etcd with authentication. */
export interface Logins {
  readonly root: Login
  readonly user: Login
}

/** Enables authentication, with a root user and a user that can read and write under `prefix` only. `client` must have no login. */
export const enableAuth = async (client: Etcd3, prefix: string): Promise<Logins> => {
  const root = { username: 'root', password: 'root-password' }
  const user = { username: 'user', password: 'user-password' }
  await client.role('root').create()
  const role = await client.role('services').create()
  await role.grant({ permission: 'Readwrite', range: Range.prefix(prefix) })
  for (const [login, roleName] of [[root, 'root'], [user, 'services']] as const) {
    const created = await client.user(login.username).create(login.password)
    await created.addRole(roleName)
  }
  await client.auth.authEnable()
  return { root, user }
}

/** Gets a token for a login. The result reads `key` with this token from the etcd at `endpoint` and resolves with the text of the answer. */
export const readerWithToken = async (client: Etcd3, endpoint: string, { username: name, password }: Login, key: string): Promise<() => Promise<string>> => {
  const { token } = await client.auth.authenticate({ name, password })
  return () =>
    fetch(`${endpoint}/v3/kv/range`, { method: 'POST', headers: { authorization: token }, body: JSON.stringify({ key: btoa(key) }) }).then(response =>
      response.text(),
    )
}

/** Matches etcd's answer to an expired token. */
export const expiredToken = /invalid auth token|token is expired/i
