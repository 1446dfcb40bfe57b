import { setTimeout as sleep } from 'node:timers/promises'
import { build } from './build.js'
import { child, type Child } from './child.js'

/** The services of the demo. */
export const services = ['orders', 'users', 'stock'] as const
export type Service = (typeof services)[number]

/** One instance of a service. */
export interface Instance extends Child {
  readonly service: Service
  readonly id: string
}

/** A process that serves the page. */
export interface Gateway extends Child {
  readonly url: string
}

/** The processes of the demo. */
export interface Stage {
  /** The folder of the built page. */
  readonly page: string
  /** The instances that run, the oldest first. */
  readonly instances: () => readonly Instance[]
  /** Starts one more instance. */
  readonly add: (service: Service) => Instance
  /** Starts a gateway on a port of the loopback, and waits until it serves the page. */
  readonly gateway: (port: number) => Promise<Gateway>
  /** Ends all of them; instances leave etcd. */
  readonly close: () => Promise<void>
}

/** What the stage needs. */
export interface StageOptions {
  /** Those of etcd. */
  readonly endpoints: readonly string[]
  readonly log: (line: string) => void
  /** How long an instance stays in etcd after it was killed, seconds. @default 5 */
  readonly ttl?: number | undefined
  /** The folder of a page that is built already. @default the page is built */
  readonly page?: string | undefined
}

const answers = (url: string): Promise<boolean> =>
  fetch(url).then(({ ok }) => ok, () => false)

/** Builds the demo, and starts two instances of each service. */
export const webStage = async ({ endpoints, log, ttl = 5, page }: StageOptions): Promise<Stage> => {
  const built = await build(page)
  const env = { ETCD_ENDPOINTS: endpoints.join() }
  const instances: Instance[] = []
  const gateways: Gateway[] = []

  const add = (service: Service): Instance => {
    const id = `${service}-${instances.filter(each => each.service === service).length + 1}`
    const instance = { ...child(built.service, [service, id, String(ttl)], env, line => log(`${id} is ${line}`)), service, id }
    instances.push(instance)
    return instance
  }

  const gateway = async (port: number): Promise<Gateway> => {
    const url = `http://127.0.0.1:${port}/`
    const started = { ...child(built.gateway, [], { ...env, PORT: String(port), HOST: '127.0.0.1', PAGE: built.page, NO_COLOR: '1' }), url }
    gateways.push(started)
    while (!(await answers(url))) {
      if (!started.running()) throw new Error(`the gateway ended before it served ${url}`)
      await sleep(50)
    }
    return started
  }

  for (const service of [...services, ...services]) add(service)
  return {
    page: built.page,
    instances: () => instances.filter(({ running }) => running()),
    add,
    gateway,
    close: async () => {
      await Promise.all([...gateways, ...instances].map(({ end }) => end('SIGTERM')))
      await built.remove()
    },
  }
}
