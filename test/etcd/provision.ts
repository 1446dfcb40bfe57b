import { findEtcd } from './provision-binary.js'
import { fromDocker } from './provision-docker.js'
import { installEtcd } from './provision-package.js'
import { etcdServer } from './server.js'

/** An etcd for the tests, and its source. */
export interface Provided {
  readonly endpoints: readonly string[]
  /** Its source and address, one line for the log. */
  readonly how: string
  /** The path of an etcd to spawn, if this source brings one that is not on the PATH. */
  readonly binary?: string
  /** Kills it and starts it again on the same data and port. Present if it is a child process. */
  readonly restart?: () => Promise<void>
  /** Kills it, and starts it again on the same data and port. Present if it is a child process. */
  readonly kill?: () => Promise<void>
  readonly start?: () => Promise<void>
  readonly stop: () => Promise<void>
}

type Log = (line: string) => void

const fromEndpoints = async (): Promise<Provided | undefined> => {
  const given = process.env['ETCD_ENDPOINTS']
  if (given === undefined || given === '') return undefined
  const endpoints = given.split(',').map(endpoint => (endpoint.includes('://') ? endpoint : `http://${endpoint}`))
  for (const endpoint of endpoints) {
    const healthy = await fetch(new URL('/health', endpoint), { signal: AbortSignal.timeout(5_000) }).then(({ ok }) => ok, () => false)
    if (!healthy) throw new Error(`no healthy etcd answers at ${endpoint}, which ETCD_ENDPOINTS names (start one there, or unset the variable)`)
  }
  return { endpoints, how: `${endpoints.join()} from ETCD_ENDPOINTS`, stop: () => Promise.resolve() }
}

const fromPath = async (): Promise<Provided | undefined> => {
  const binary = findEtcd()
  if (binary === undefined) return undefined
  const { endpoint, restart, kill, start, close } = await etcdServer()
  return { endpoints: [endpoint], how: `${binary} at ${endpoint}`, restart, kill, start, stop: close }
}

const fromPackage = async (log: Log): Promise<Provided | undefined> => ((await installEtcd(log)) ? fromPath() : undefined)

const ways = { endpoints: fromEndpoints, path: fromPath, docker: fromDocker, package: fromPackage }

/**
 * Provides an etcd from `ETCD_ENDPOINTS`, the PATH, Docker or the system's package manager, in this order. If `ETCD_PROVIDER` names one of them
 * (`endpoints`, `path`, `docker`, `package`), no other is tried.
 */
export const provideEtcd = async ({ log }: { readonly log: Log }): Promise<Provided> => {
  const only = process.env['ETCD_PROVIDER'] ?? ''
  if (only !== '' && !(only in ways)) throw new Error(`ETCD_PROVIDER must be one of ${Object.keys(ways).join(', ')}, got "${only}"`)
  const troubles: string[] = []
  for (const [name, way] of Object.entries(ways)) {
    if (only !== '' && only !== name) continue
    try {
      const provided = await way(log)
      if (provided === undefined) continue
      log(`etcd: ${provided.how}`)
      return provided
    } catch (error) {
      // The user named these endpoints, so no other etcd replaces them.
      if (name === 'endpoints') throw error
      troubles.push(`${name}: ${error instanceof Error ? error.message : String(error)}`)
    }
  }
  throw new Error(
    [
      only === '' ? 'no etcd' : `no etcd with ETCD_PROVIDER=${only}`,
      ': put `etcd` on the PATH, start Docker, or set ETCD_ENDPOINTS to a running one, such as http://127.0.0.1:2379',
      ...troubles.map(trouble => ` (${trouble})`),
    ].join(''),
  )
}
