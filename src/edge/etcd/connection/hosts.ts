import { InvalidArgument } from '../../../core/errors.js'

const endpoint = /^(?:https?:\/\/)?(?:\[[\da-f:.]+\]|[^\s:/@?#[\]]+)(?::(\d{1,5}))?\/?$/i
const socket = /^unix:\/\/\/[^\s?#]+$/

const checked = (host: unknown): string => {
  if (typeof host === 'string' && socket.test(host)) return host
  const port = typeof host === 'string' ? endpoint.exec(host) : null
  if (port === null || Number(port[1] ?? 1) < 1 || Number(port[1] ?? 1) > 65_535) {
    // The part before an @ may be a password.
    const shown = typeof host === 'string' ? `'${host.replace(/^.*@/, '…@')}'` : `a value of type ${host === null ? 'object' : typeof host}`
    throw new InvalidArgument('hosts', `must be like 'localhost:2379', 'http://…', 'https://…' or 'unix:///path', not ${shown}`)
  }
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
