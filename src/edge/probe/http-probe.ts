import { either as E } from 'fp-ts'
import { defer, throwError, type Observable } from 'rxjs'
import { fromFetch } from 'rxjs/fetch'
import type { ServiceInstance } from '../../core/instance/instance.js'
import { endpointOf } from '../../core/instance/endpoint.js'

/** Options of {@link httpProbe}. */
export interface HttpProbeOptions {
  /** Where to ask, from the root of the server or relative to the endpoint. @default the endpoint as it is, else `/` */
  readonly path?: string
  /** The name of the endpoint to ask, a URL or `host:port`. @default the instance's address */
  readonly endpoint?: string
  /** How `host:port` is asked. @default 'http' */
  readonly scheme?: 'http' | 'https'
  /** @default 'GET' */
  readonly method?: string
  /** @default {} */
  readonly headers?: Readonly<Record<string, string>>
  /** Which status codes are a pass; redirections are not followed. @default from 200 to 399 */
  readonly passes?: (status: number) => boolean
}

const isUrl = /^https?:\/\//i

/**
 * A check that emits the status code of an answer that passes, without reading its body; errors otherwise, and with `InvalidArgument` without such
 * an endpoint. Each check opens a connection of its own, since an open one tells nothing of whether the server still accepts any.
 */
export const httpProbe =
  ({ path = '', endpoint, scheme = 'http', method = 'GET', headers = {}, passes = status => status >= 200 && status < 400 }: HttpProbeOptions = {}): (<M>(
    instance: ServiceInstance<M>,
  ) => Observable<number>) =>
  instance =>
    defer(() => {
      const base = endpointOf(instance, endpoint)
      if (E.isLeft(base)) return throwError(() => base.left)
      const url = new URL(path, isUrl.test(base.right) ? base.right : `${scheme}://${base.right}`)
      return fromFetch(url.href, {
        method,
        headers: { connection: 'close', ...headers },
        redirect: 'manual',
        selector: async ({ status, body }) => {
          await body?.cancel()
          if (!passes(status)) throw new Error(`${url.origin}${url.pathname} answered ${status}`)
          return status
        },
      })
    })
