import { flaw, type Validator } from '../validation.js'

const hostAndPort = /^(?:\[([^[\]]*)\]|([^[\]:]*)):(\d+)$/
const label = /^[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?$/
const ipv4 = /^(?:(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)(?:\.(?!$)|$)){4}$/
const group = /^[0-9A-Fa-f]{1,4}$/
// Most addresses are like this: one test instead of several.
const usual = /^(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]\d?)(?:\.(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)){3}:[1-9]\d{0,3}$/
const port = /^[1-9]\d{0,4}$/
const zoned = /^([^%]*)(?:%[A-Za-z0-9._~-]{1,32})?$/

/** How many 16-bit groups a side of `::` holds; NaN when it is malformed. */
const groups = (side: string, last: boolean): number => {
  if (side === '') return 0
  const parts = side.split(':')
  const dotted = last && ipv4.test(parts[parts.length - 1] ?? '') ? parts.splice(-1).length * 2 : 0
  return parts.every(part => group.test(part)) ? parts.length + dotted : NaN
}

const isIPv6 = (host: string): boolean => {
  const [head = '', tail, ...more] = zoned.exec(host)?.[1]?.split('::') ?? []
  if (more.length > 0) return false
  return tail === undefined ? groups(head, true) === 8 : groups(head, false) + groups(tail, true) <= 7
}

const isHostname = (host: string): boolean => {
  const labels = (host.endsWith('.') ? host.slice(0, -1) : host).split('.')
  return host.length <= 253 && labels.every(text => label.test(text))
}

// A name whose last label is a number is an IPv4 address to every URL parser (WHATWG URL, "ends in a number").
const isHost = (host: string): boolean => (/(?:^|\.)\d+\.?$/.test(host) ? ipv4.test(host) : isHostname(host))

// Without slashes, a scheme looks like a host name before its port, so a further dot, colon or bracket must follow.
const schemeAndUser = /^(?:(?:[a-z][a-z0-9+.-]*:)?\/\/|[a-z][a-z0-9+.-]*:(?=[^/:]*[.:]))?(?:[^/?#@]*@)?/i
const hostOnly = /^(?:\[([^[\]%]*)[^[\]]*\]|([^/?#:]*))/
const wildcards: readonly (string | undefined)[] = ['0.0.0.0', '[::]', '[::ffff:0:0]']

/**
 * The flaw of an address that stands for all interfaces of a machine, with or without a scheme and a port, however it is written: `0.0.0.0`, `0`, `0x0`,
 * `[0:0::0]`, `[::ffff:0.0.0.0]`. A server can listen on it, but to a client it means the client's own machine.
 */
export const wildcard: Validator = value => {
  const rest = typeof value === 'string' ? value.replace(schemeAndUser, '') : ''
  // Nearly all others begin with something else, so that they are not parsed.
  if (!/^\[?[0:]/.test(rest) || (rest !== value && isIPv6(value as string))) return undefined
  const [, ipv6 = isIPv6(rest) ? rest : undefined, host = ''] = hostOnly.exec(rest) ?? []
  const written = `http://${ipv6 === undefined ? host : `[${ipv6.replace(/%.*/, '')}]`}`
  return URL.canParse(written) && wildcards.includes(new URL(written).hostname)
    ? flaw('must be the address of one machine, not that of all its interfaces', value, 'advertise(server) of rx-discovery/node finds the address that others reach')
    : undefined
}

/** An address: `host:port`, an IPv6 host in brackets. */
export const address: Validator = value => {
  if (typeof value !== 'string') return flaw('must be a string, host:port', value)
  if (usual.test(value)) return undefined
  if (value.length > 300) return flaw('must be host:port, and shorter', value)
  const everywhere = wildcard(value)
  if (everywhere !== undefined) return everywhere
  const [, ipv6, host = '', digits] = hostAndPort.exec(value) ?? []
  if (digits === undefined) {
    if (isIPv6(value)) return flaw('must be [host]:port, an IPv6 address in brackets', value, `write [${value}]:8000`)
    if (/^[a-z][a-z0-9+.-]*:\/\//i.test(value)) return flaw('must be host:port', value, 'leave out the scheme and the path, or put a URL into endpoints')
    return flaw('must be host:port', value, isHost(value) ? `add a port, e.g. "${value.slice(0, 40)}:8000"` : 'e.g. "localhost:8000"')
  }
  if (!port.test(digits) || Number(digits) > 65_535) return flaw('must end in a port from 1 to 65535', value)
  if (ipv6 !== undefined) return isIPv6(ipv6) ? undefined : flaw('must hold an IPv6 address in its brackets', value)
  return isHost(host) ? undefined : flaw('must begin with a host name, an IPv4 address or an IPv6 address in brackets', value)
}

/** An address that any program wrote: the host may be a bare number, too, which resolvers take for an IPv4 address. */
export const foreignAddress: Validator = value => address(value) && (wildcard(value) ?? address(typeof value === 'string' ? value.replace(/^\d{1,10}:/, 'n:') : value))

/** The two parts of a valid address; an IPv6 host without its brackets. */
export const splitAddress = (address: string): { readonly host: string; readonly port: number } => {
  const [, ipv6, host = '', digits] = hostAndPort.exec(address) ?? []
  return { host: ipv6 ?? host, port: Number(digits) }
}
