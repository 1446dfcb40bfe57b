import type { IncomingMessage } from 'node:http'

/** The host name of a `Host` header, without its port; `undefined` if there is none. */
const hostNameOf = (header: string | undefined): string | undefined => {
  const [, name] = /^(\[[\da-f:.]+\]|[^:/@?#\\[\]\s]+)(?::\d{1,5})?$/i.exec(header ?? '') ?? []
  return name?.toLowerCase().replace(/\.$/, '')
}

const isLoopbackName = (name: string): boolean => name === 'localhost' || name === '[::1]' || /^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(name)

/**
 * Why a request is refused, as a sentence; `undefined`: it is not. A page of another website can make a browser send requests to this machine: by a name of its own that leads here
 * (its `Host` is that name), and across sites (its `Origin`, or `Sec-Fetch-Site`, shows that). Other ports of this machine are other sites, too.
 */
export const requestRefusal = ({ headers }: Pick<IncomingMessage, 'headers'>, names: readonly string[]): string | undefined => {
  const { host, origin } = headers
  const name = hostNameOf(host)
  if (name === undefined || !(isLoopbackName(name) || names.includes(name))) return 'this name does not lead here (if it does, start rx-discovery with --host and the name)'
  if (origin !== undefined && origin.toLowerCase() !== `http://${host?.toLowerCase() ?? ''}` && origin.toLowerCase() !== `https://${host?.toLowerCase() ?? ''}`) return 'another website asks (open the address of the board itself)'
  const site = headers['sec-fetch-site']
  if (site !== undefined && site !== 'same-origin' && site !== 'none') return 'another website asks (copy the address into the address bar)'
  return undefined
}
