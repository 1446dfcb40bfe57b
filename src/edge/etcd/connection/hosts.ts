import { InvalidArgument } from '../../../core/errors.js'

const endpoint = /^(?:https?:\/\/)?(?:\[[\da-f:.]+\]|[^\s:/@?#[\]]+)(?::(\d{1,5}))?\/?$/i

const checked = (host: unknown): string => {
  const port = typeof host === 'string' ? endpoint.exec(host) : null
  if (port === null || Number(port[1] ?? 1) < 1 || Number(port[1] ?? 1) > 65_535) {
    // What stands before an @ may be a password.
    const shown = typeof host === 'string' ? `'${host.replace(/^.*@/, '…@')}'` : String(host)
    throw new InvalidArgument('hosts', `must be like 'localhost:2379', 'http://…' or 'https://…', not ${shown}`)
  }
  return host as string
}

/** The endpoints as the user wrote them, or `InvalidArgument` thrown for one that is no endpoint or has no such port. */
export const parseHosts = (hosts: string | readonly string[]): readonly string[] =>
  ((Array.isArray(hosts) ? hosts : [hosts]) as readonly unknown[]).map(checked)

/** The endpoint for a channel: the scheme, which says whether TLS is used, and a port, 2379 unless given. */
export const address = (host: string): string => {
  const bare = host.replace(/\/$/, '')
  return /:\d+$/.test(bare) ? bare : `${bare}:2379`
}
