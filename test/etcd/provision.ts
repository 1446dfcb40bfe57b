import { findEtcd } from './provision-binary.js'
import { fromDocker } from './provision-docker.js'
import { installEtcd } from './provision-package.js'
import { etcdServer } from './server.js'

/** An etcd to work with, and where it came from. */
export interface Provided {
  readonly endpoints: readonly string[]
  /** One line for a human. */
  readonly how: string
  /** An etcd to spawn, where this way brings one that is not on the PATH. */
  readonly binary?: string
  /** Kills it and starts it again on the same data and port, where the process is ours. */
  readonly restart?: () => Promise<void>
  readonly stop: () => Promise<void>
}

type Log = (line: string) => void

const fromEndpoints = async (): Promise<Provided | undefined> => {
  const given = process.env['ETCD_ENDPOINTS']
  if (given === undefined || given === '') return undefined
  const endpoints = given.split(',').map(endpoint => (endpoint.includes('://') ? endpoint : `http://${endpoint}`))
  for (const endpoint of endpoints) {
    const healthy = await fetch(new URL('/health', endpoint), { signal: AbortSignal.timeout(5_000) }).then(({ ok }) => ok, () => false)
    if (!healthy) throw new Error(`no healthy etcd answers at ${endpoint}, which ETCD_ENDPOINTS names: start one there, or unset the variable`)
  }
  return { endpoints, how: `${endpoints.join()} of ETCD_ENDPOINTS`, stop: () => Promise.resolve() }
}

const fromPath = async (): Promise<Provided | undefined> => {
  const binary = findEtcd()
  if (binary === undefined) return undefined
  const server = await etcdServer()
  return { endpoints: [server.endpoint], how: `${binary} at ${server.endpoint}`, restart: server.restart, stop: server.close }
}

const fromPackage = async (log: Log): Promise<Provided | undefined> => ((await installEtcd(log)) ? fromPath() : undefined)

const ways = { endpoints: fromEndpoints, path: fromPath, docker: fromDocker, package: fromPackage }

/**
 * An etcd from `ETCD_ENDPOINTS`, else the PATH, else Docker, else the system's package manager; `ETCD_PROVIDER` names one of them
 * (`endpoints`, `path`, `docker`, `package`) and no other is tried.
 */
export const provideEtcd = async ({ log }: { readonly log: Log }): Promise<Provided> => {
  const only = process.env['ETCD_PROVIDER'] ?? ''
  if (only !== '' && !(only in ways)) throw new Error(`ETCD_PROVIDER is ${only}; it may be ${Object.keys(ways).join(', ')}`)
  const troubles: string[] = []
  for (const [name, way] of Object.entries(ways)) {
    if (only !== '' && only !== name) continue
    try {
      const provided = await way(log)
      if (provided === undefined) continue
      log(`etcd: ${provided.how}`)
      return provided
    } catch (error) {
      // What the user asked for by name is not replaced by something else.
      if (name === 'endpoints') throw error
      troubles.push(`${name}: ${error instanceof Error ? error.message : String(error)}`)
    }
  }
  throw new Error(
    [
      only === '' ? 'no etcd' : `no etcd by ETCD_PROVIDER=${only}`,
      ': put `etcd` on the PATH, start Docker, or set ETCD_ENDPOINTS=http://127.0.0.1:2379 to one that runs',
      ...troubles.map(trouble => ` (${trouble})`),
    ].join(''),
  )
}
