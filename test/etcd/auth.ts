import { generateKeyPairSync } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Range, type Etcd3 } from 'etcd3'

/** The tokens that etcd hands out, and their life in seconds. */
export interface TokenOptions {
  readonly kind: 'simple' | 'jwt'
  readonly ttl: number
}

/** The flags for such tokens; a JWT's keys are made and written into `dir`. */
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

/** Who may log in; what etcd3 takes as `auth`. */
export interface Login {
  readonly username: string
  readonly password: string
}

/** Everybody of an etcd with authentication. */
export interface Logins {
  readonly root: Login
  readonly user: Login
}

/** Enables authentication: a root, and a user who may read and write under `prefix` only. `client` is one without a login. */
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

/** A new token of `login`, as a question to the etcd at `endpoint`: what it says to who shows this token and wants to read `key`. */
export const asking = async (client: Etcd3, endpoint: string, { username: name, password }: Login, key: string): Promise<() => Promise<string>> => {
  const { token } = await client.auth.authenticate({ name, password })
  return () =>
    fetch(`${endpoint}/v3/kv/range`, { method: 'POST', headers: { authorization: token }, body: JSON.stringify({ key: btoa(key) }) }).then(response =>
      response.text(),
    )
}

/** Its answer once the token has run out. */
export const ranOut = /invalid auth token|token is expired/i
