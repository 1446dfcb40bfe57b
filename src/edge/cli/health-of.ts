import { ignoreElements, mergeMap, NEVER, retry, startWith, switchMap, throwError, type Observable } from 'rxjs'
import { address as addressCheck } from '../../core/instance/address.js'
import type { ServiceInstance, Status } from '../../core/instance/instance.js'
import { invalidIf, throwIfInvalid } from '../../core/validation.js'
import { InvalidArgument } from '../../core/errors.js'
import { timeout, timer } from '../../flow/clock.js'
import { poll } from '../../flow/poll.js'
import { httpProbe } from '../probe/http-probe.js'
import { tcpProbe } from '../probe/tcp-probe.js'
import { childProcess } from './child-process.js'

/** The options of `register` that name a health check, as parsed. */
export interface HealthOptions {
  readonly healthHttp?: string
  readonly healthTcp?: string | true
  readonly healthExec?: string
  readonly healthInterval?: number
  readonly status?: string
}

/** How the health of an instance is found out. */
export interface HealthOf {
  /** What the check shows; without a check, the status of the instance. */
  readonly health: Observable<Status>
  readonly isChecked: boolean
  /** The port: that of the address, or the one that the check names. */
  readonly port: string
  /** Completes once the port answers. */
  readonly listening: Observable<never>
}

/** The interval of checks, ms. */
const standardInterval = 5_000
/** How long a check over the network may take, ms. A command may take as long as the interval. */
const networkTimeout = 1_000
/** How often a port that does not answer is tried again, ms. */
const retryPort = 200

const failing = (command: string): Observable<never> =>
  childProcess(command).pipe(
    switchMap(({ exited }) => exited),
    mergeMap(({ code }) => (code === 0 ? [] : throwError(() => new Error(`the command ended with exit code ${code}`)))),
  )

const urlOf = (text: string): string => {
  if (text.startsWith('/') || (/^https?:\/\//i.test(text) && URL.canParse(text))) return text
  throw new InvalidArgument('health-http', `must be a path or a URL, got ${JSON.stringify(text)} (such as /health or http://localhost:8000/health)`)
}

const hostPortOf = (text: string): string => {
  throwIfInvalid(invalidIf('health-tcp', addressCheck, text))
  return text
}

/** What the options check, and how the port is found. Throws `InvalidArgument`. */
export const healthOf = ({ healthHttp, healthTcp, healthExec, healthInterval, status }: HealthOptions, instance: ServiceInstance): HealthOf => {
  const given = Object.entries({ 'health-http': healthHttp, 'health-tcp': healthTcp, 'health-exec': healthExec }).flatMap(([name, value]) => (value === undefined ? [] : [name]))
  const [name, other] = given
  if (name !== undefined && other !== undefined) throw new InvalidArgument(other, `cannot be used with --${name} (use one of them; --health-exec runs any command)`)
  if (name !== undefined && status !== undefined) throw new InvalidArgument('status', `cannot be used with --${name}, which decides the status`)
  if (name === undefined && healthInterval !== undefined) throw new InvalidArgument('health-interval', 'requires --health-http, --health-tcp or --health-exec')
  const url = healthHttp === undefined ? undefined : urlOf(healthHttp)
  const port = url?.startsWith('/') === false ? new URL(url).origin : typeof healthTcp === 'string' ? hostPortOf(healthTcp) : instance.address
  const answers = (): Observable<never> => tcpProbe({ endpoint: 'checked' })({ ...instance, endpoints: { checked: port } })
  const listening = answers().pipe(
    timeout({ first: networkTimeout, with: () => throwError(() => new Error(`${port} does not answer`)) }),
    retry({ delay: () => timer(retryPort) }),
    ignoreElements(),
  )
  if (name === undefined) return { health: NEVER.pipe(startWith(instance.status)), isChecked: false, port, listening }
  const interval = healthInterval ?? standardInterval
  const check = (): Observable<unknown> => (url !== undefined ? httpProbe({ path: url })(instance) : healthExec !== undefined ? failing(healthExec) : answers())
  return { health: poll(check, { interval, timeout: healthExec === undefined ? Math.min(networkTimeout, interval) : interval }), isChecked: true, port, listening }
}
