import { InvalidArgument } from '../../../core/errors.js'

const endpoint = /^(?:https?:\/\/)?(?:\[[\da-f:.]+\]|[^\s:/@?#[\]]+)(?::(\d{1,5}))?\/?$/i

const checked = (host: unknown): string => {
  const port = typeof host === 'string' ? endpoint.exec(host) : null
  if (port === null || Number(port[1] ?? 1) < 1 || Number(port[1] ?? 1) > 65_535) {
    // The part before an @ may be a password.
    const shown = typeof host === 'string' ? `'${host.replace(/^.*@/, '…@')}'` : `a value of type ${host === null ? 'object' : typeof host}`
    throw new InvalidArgument('hosts', `must be like 'localhost:2379', 'http://…' or 'https://…', not ${shown}`)
  }
  return host as string
}

/** The endpoints as the user wrote them. Throws `InvalidArgument` for an entry that is not an endpoint or has an impossible port. */
export const parseHosts = (hosts: string | readonly string[]): readonly string[] =>
  ((Array.isArray(hosts) ? hosts : [hosts]) as readonly unknown[]).map(checked)

/** The endpoint for a channel: the scheme, if there is one, which decides about TLS, and a port, 2379 by default. */
export const channelAddress = (host: string): string => {
  const bare = host.replace(/\/$/, '')
  return /:\d+$/.test(bare) ? bare : `${bare}:2379`
}
