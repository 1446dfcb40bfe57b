/** An HTTP proxy through which grpc-js dials, and the environment variable that names it. */
export interface HttpProxy {
  readonly variable: string
  /** Host and port, never credentials. */
  readonly address: string
}

type Environment = Readonly<Record<string, string | undefined>>

const addressIn = (url: string): string | undefined => {
  try {
    const { protocol, hostname, port } = new URL(url)
    return protocol === 'http:' ? `${hostname}:${port || '80'}` : undefined
  } catch {
    return undefined
  }
}

const ipv4 = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/
const bitsOf = (address: string): number | undefined => {
  const parts = ipv4.exec(address)?.slice(1)
  return parts?.reduce((bits, part) => bits * 256 + Number(part), 0)
}
const isInBlock = (name: string, block: string): boolean => {
  const [start = '', length = ''] = block.split('/')
  const [bits, first] = [bitsOf(name), bitsOf(start)]
  if (bits === undefined || first === undefined || !/^\d+$/.test(length)) return false
  const size = 2 ** (32 - Number(length))
  return Math.floor(bits / size) === Math.floor(first / size)
}

/**
 * The HTTP proxy through which grpc-js dials this endpoint, by its rules: lower-case variables only, for `http://` endpoints too;
 * an entry of `no_proxy` is an IPv4 block or the end of a host name. undefined if there is none, as for a Unix socket.
 */
export const httpProxyFor = (host: string, environment: Environment = process.env): HttpProxy | undefined => {
  if (host.startsWith('unix:')) return undefined
  const firstOf = (...names: readonly string[]): string | undefined => names.find(name => environment[name])
  const variable = firstOf('grpc_proxy', 'https_proxy', 'http_proxy')
  const address = variable === undefined ? undefined : addressIn(environment[variable] ?? '')
  if (variable === undefined || address === undefined) return undefined
  const name = host.replace(/^https?:\/\//i, '').replace(/\/$/, '').replace(/:\d+$/, '').replace(/^\[(.*)\]$/, '$1')
  const exceptions = environment[firstOf('no_grpc_proxy', 'no_proxy') ?? '']?.split(',') ?? []
  return exceptions.some(exception => name.endsWith(exception) || isInBlock(name, exception)) ? undefined : { variable, address }
}
