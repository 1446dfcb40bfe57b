import { either as E } from 'fp-ts'
import { catchError, defer, throwError, type Observable } from 'rxjs'
import { fromFetch } from 'rxjs/fetch'
import { functionOf, invalidOptions, anObject, text, type Checks } from '../../core/arguments.js'
import { must, oneOf, throwIfInvalid } from '../../core/validation.js'
import { toError } from '../../core/errors.js'
import type { ServiceInstance } from '../../core/instance/instance.js'
import { endpointOf } from '../../core/instance/endpoint.js'
import { probeFactory } from '../../flow/operators/probe-factories.js'

/** Options of {@link httpProbe}. */
export interface HttpProbeOptions {
  /** The path to request: from the root of the server, or relative to the endpoint. @default the path of the endpoint, or `/` */
  readonly path?: string
  /** The name of the endpoint to request; the endpoint is a URL or `host:port`. @default the address of the instance */
  readonly endpoint?: string
  /** The scheme for an endpoint that is `host:port`. @default 'http' */
  readonly scheme?: 'http' | 'https'
  /** The request method. @default 'GET' */
  readonly method?: string
  /** The request headers. @default {} */
  readonly headers?: Readonly<Record<string, string>>
  /** Returns whether a status code is a pass. Redirects are not followed. @default 200 to 399 */
  readonly passes?: (status: number) => boolean
}

const isUrl = /^https?:\/\//i

/** The reason in an error of `fetch`, whose own message is only "fetch failed". */
const reasonOf = ({ message, cause }: TypeError): string => {
  if (!(cause instanceof Error)) return message
  return cause.message !== '' ? cause.message : 'code' in cause ? String(cause.code) : message
}

const isPass = (status: number): boolean => status >= 200 && status < 400

const checks: Checks<HttpProbeOptions> = {
  path: text,
  endpoint: text,
  scheme: oneOf('http', 'https'),
  method: text,
  headers: must(value => anObject(value) === undefined && Object.values(value as object).every(header => text(header) === undefined), 'be an object of strings'),
  passes: functionOf('a function that returns whether a status code is a pass'),
}

/**
 * A check by HTTP for `probe`. It emits the status code if it passes, without reading the body; it errors if not, or with `InvalidArgument` if the
 * instance has no such endpoint. Throws `InvalidArgument` if an option is wrong. Each check opens a new connection, since an open one does not show whether the server still accepts connections.
 *
 * @example discover(registry, 'web').pipe(probe(httpProbe({ path: '/health' })))
 */
export const httpProbe = (options?: HttpProbeOptions): (<M>(instance: ServiceInstance<M>) => Observable<number>) => {
  throwIfInvalid(invalidOptions<HttpProbeOptions>('httpProbe', options, checks))
  const { path = '', endpoint, scheme = 'http', method = 'GET', headers = {}, passes = isPass } = options ?? {}
  return instance =>
    defer(() => {
      const base = endpointOf(instance, endpoint)
      if (E.isLeft(base)) return throwError(() => base.left)
      const url = new URL(path, isUrl.test(base.right) ? base.right : `${scheme}://${base.right}`)
      // Without the query, which may contain a secret.
      const shown = `${url.origin}${url.pathname}`
      return fromFetch(url.href, {
        method,
        headers: { connection: 'close', ...headers },
        redirect: 'manual',
        selector: async ({ status, body }) => {
          await body?.cancel()
          if (!passes(status)) throw new Error(`${shown} answered ${status}, which is not a pass (see the option passes)`)
          return status
        },
      }).pipe(
        catchError((error: unknown) =>
          throwError(() => (error instanceof TypeError ? new TypeError(`${method} ${shown} failed: ${reasonOf(error)}`, { cause: error }) : toError(error))),
        ),
      )
    })
}

probeFactory(httpProbe)
