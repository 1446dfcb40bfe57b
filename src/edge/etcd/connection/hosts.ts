import { InvalidArgument } from '../../../core/errors.js'
import { flaw, throwIfInvalid, invalidIf, type Validator } from '../../../core/validation.js'

const endpoint = /^(?:https?:\/\/)?(?:\[[\da-f:.]+\]|[\p{L}\p{N}._-]+)(?::(\d{1,5}))?\/?$/iu
const socket = /^unix:\/\/\/[^\s?#]+$/

const isEndpoint = (host: string): boolean => {
  const [match, port = '1'] = endpoint.exec(host) ?? []
  return socket.test(host) || (match !== undefined && Number(port) >= 1 && Number(port) <= 65_535)
}

const hintFor = (host: unknown): string | undefined => {
  if (typeof (host as { readonly then?: unknown } | null | undefined)?.then === 'function') return 'pass a function that returns the Promise'
  if (typeof host !== 'string') return undefined
  if (host.includes(',')) return "pass several as a list, such as ['a:2379', 'b:2379']"
  if (host.includes('*')) return 'a client needs the address of one member, also if etcd listens on all'
  if (/^unix/i.test(host)) return "a Unix socket is 'unix://' and its absolute path, such as 'unix:///run/etcd.sock'"
  if (host.includes('@')) return 'pass the user name and the password as auth'
  return /:\d+\/?$/.test(host) && isEndpoint(host.replace(/:\d+\/?$/, '')) ? 'a port is a number from 1 to 65535' : undefined
}

const check: Validator = host =>
  typeof host === 'string' && isEndpoint(host) ? undefined : flaw("must be like 'localhost:2379', 'http://…', 'https://…' or 'unix:///path'", host, hintFor(host))

const checked = (host: unknown): string => {
  throwIfInvalid(invalidIf('hosts', check, host))
  return host as string
}

/** The endpoints as the user wrote them. Throws `InvalidArgument` if there are none, or for an entry that is not an endpoint or has an impossible port. */
export const parseHosts = (hosts: unknown): readonly string[] => {
  const list = (Array.isArray(hosts) ? (hosts as readonly unknown[]) : [hosts]).map(checked)
  if (list.length === 0) throw new InvalidArgument('hosts', "needs at least one endpoint, such as 'localhost:2379'")
  return list
}

/** The endpoint for a channel: the scheme, if there is one, which decides about TLS, and a port, 2379 by default. A Unix socket has no port. */
export const channelAddress = (host: string): string => {
  const bare = host.replace(/\/$/, '')
  return socket.test(host) || /:\d+$/.test(bare) ? bare : `${bare}:2379`
}

/** An endpoint in one spelling: without the scheme that is the default. */
const normal = (host: string): string => (socket.test(host) ? host : channelAddress(host).toLowerCase().replace(/^http:\/\//, ''))

/** Whether two endpoints are the same, however they are written. With and without TLS they are not. */
export const sameEndpoint = (a: string, b: string): boolean => normal(a) === normal(b)

/** Whether two endpoints lead to the same address, with TLS or without. */
export const sameAddress = (a: string, b: string): boolean => normal(a).replace(/^https:\/\//, '') === normal(b).replace(/^https:\/\//, '')
