import { either as E } from 'fp-ts'
import { foreignAddress } from '../instance/address.js'
import { quotedValue, type Flaw } from '../validation.js'

const isAddress = (text: string): boolean => foreignAddress(text) === undefined

/** A URL of which only the scheme and the authority count. */
const url = /^([A-Za-z][A-Za-z0-9+.-]*):\/\/([^/?#]*)/

const flawed = (must: string, text: string): E.Either<Flaw, never> => E.left({ path: [], must, got: quotedValue(text) })

/** Host and port as another program wrote them: an address; or a host alone, an IPv6 one with or without brackets, that takes `defaultPort`. */
export const addressIn = (text: string, defaultPort?: number): E.Either<Flaw, string> => {
  if (isAddress(text)) return E.right(text)
  if (/^:\d+$/.test(text)) return flawed('must have a host before the port (this is where a server listens, not where it is reached)', text)
  const hosts = text.length > 300 ? [] : [text, `[${text}]`].filter(host => isAddress(`${host}:1`))
  if (hosts[0] === undefined) return flawed('must be host:port', text)
  return defaultPort === undefined ? flawed('must have a port, unless the format has a defaultPort', text) : E.right(`${hosts[0]}:${defaultPort}`)
}

/** A URL that says where an instance is reached. */
export interface ForeignUrl {
  readonly scheme: string
  readonly address: string
}

/** The scheme and the address of a URL. A URL with a user name is rejected, since what follows that may be a password. */
export const urlIn = (text: string, defaultPort?: number): E.Either<Flaw, ForeignUrl> => {
  const [, scheme, authority] = url.exec(text) ?? []
  if (scheme === undefined || authority === undefined) return flawed('must be a URL, such as http://10.0.0.5:8080', text)
  if (authority.includes('@')) return E.left({ path: [], must: 'must be a URL without user name and password' })
  const address = addressIn(authority, defaultPort)
  return E.isLeft(address) ? address : E.right({ scheme: scheme.toLowerCase(), address: address.right })
}
