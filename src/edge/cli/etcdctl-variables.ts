import type { Host } from './host.js'

type Environment = Host['env']

/** What the variables of etcdctl say, where the options and variables of our own say nothing. */
export interface EtcdctlVariables {
  /** The environment with what they say in `ETCD_ENDPOINTS`, `ETCD_USER` and `ETCD_PASSWORD`. */
  readonly env: Environment
  readonly cacert?: string
  readonly cert?: string
  readonly key?: string
}

/** The options that come before the variables. */
export interface ConnectionOptions {
  readonly endpoints?: string
  readonly srv?: string
  readonly user?: string
}

const nonEmpty = (text: string | undefined): string | undefined => (text?.trim() === '' ? undefined : text)

/** As etcdctl reads it: `name:password`, or a name. */
const loginOf = (variables: Environment, own: string | undefined): Environment => {
  const theirs = nonEmpty(variables['ETCDCTL_USER'])
  const [name = '', ...password] = theirs?.split(':') ?? []
  // A password belongs to the name that stands before it.
  if (own === undefined && password.length > 0) return { ETCD_USER: name, ETCD_PASSWORD: password.join(':') }
  return { ETCD_USER: own ?? theirs, ETCD_PASSWORD: variables['ETCD_PASSWORD'] ?? variables['ETCDCTL_PASSWORD'] }
}

/**
 * Reads `ETCDCTL_ENDPOINTS`, `ETCDCTL_USER`, `ETCDCTL_PASSWORD`, `ETCDCTL_CACERT`, `ETCDCTL_CERT` and `ETCDCTL_KEY`. As with etcdctl, certificates are
 * for endpoints that do not begin with `http://`, and without endpoints etcd is expected on this machine, by TLS if there are certificates.
 */
export const etcdctlVariables = ({ endpoints, srv, user }: ConnectionOptions, variables: Environment): EtcdctlVariables => {
  const env = Object.fromEntries(Object.entries(variables).map(([name, value]) => [name, nonEmpty(value)]))
  const [cacert, cert, key] = [env['ETCDCTL_CACERT'], env['ETCDCTL_CERT'], env['ETCDCTL_KEY']]
  const named = endpoints ?? env['ETCD_ENDPOINTS'] ?? env['ETCDCTL_ENDPOINTS']
  const isPlain = srv === undefined && named?.includes('http://') === true
  return {
    env: { ...variables, ETCD_ENDPOINTS: named ?? (cacert === undefined ? undefined : 'https://127.0.0.1:2379'), ...loginOf(variables, user ?? env['ETCD_USER']) },
    ...(!isPlain && { ...(cacert !== undefined && { cacert }), ...(cert !== undefined && { cert }), ...(key !== undefined && { key }) }),
  }
}
