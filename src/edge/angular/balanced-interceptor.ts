import { HttpErrorResponse, HttpEventType, HttpRequest, HttpResponse, type HttpEvent, type HttpHandlerFn, type HttpInterceptorFn } from '@angular/common/http'
import { inject, NgZone } from '@angular/core'
import { defer, filter, Observable, of, tap, TimeoutError } from 'rxjs'
import { duration, flag, functionOf, invalidOptions, notNegative, type Checks } from '#internal/core/arguments'
import { throwIfInvalid } from '#internal/core/validation'
import { InvalidArgument, type Balancer, type ServiceInstance } from 'rx-discovery'
import { ResponseTransfer } from './response-transfer.js'
import { SERVICE_DISCOVERY } from './service-discovery.js'
import { insideZone, outsideZone } from './zone.js'

/** Options of {@link balancedInterceptor}. */
export interface BalancedInterceptorOptions {
  /**
   * The URL of a request at an instance, such as the path of a gateway that leads to it. The `url` of `request` is what follows the service's name, such as `/users?all`;
   * `params` are appended. @default ({ address }, { url }) => `http://${address}${url}`
   */
  readonly toUrl?: ((instance: ServiceInstance, request: HttpRequest<unknown>) => string) | undefined
  /** How often a request that failed is sent again, each time to another instance while there is one. @default 2 */
  readonly retries?: number | undefined
  /** Whether to send a request again. @default an idempotent one (GET, HEAD, OPTIONS, TRACE, PUT, DELETE) without an answer, or with the status 502, 503 or 504 */
  readonly retryable?: ((error: unknown, request: HttpRequest<unknown>) => boolean) | undefined
  /** How long one try may take, ms. @default no limit */
  readonly timeout?: number | undefined
  /** How long all tries may take, with the time in which there is no instance, ms. @default no limit */
  readonly deadline?: number | undefined
  /** The key of a request, for policies that choose by it, such as `consistentHash`. @default none */
  readonly key?: ((request: HttpRequest<unknown>) => string | undefined) | undefined
  /** Whether the browser takes answers over that a server got as it rendered the page. @default true */
  readonly transferCache?: boolean | undefined
}

const checks: Checks<BalancedInterceptorOptions> = {
  toUrl: functionOf('a function of an instance and a request that returns a URL'),
  retries: notNegative,
  retryable: functionOf('a function that returns whether to send a request again after an error'),
  timeout: duration,
  deadline: duration,
  key: functionOf('a function of a request that returns a string'),
  transferCache: flag,
}

/** RFC 9110 §9.2.2. */
const idempotent: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE', 'PUT', 'DELETE'])
/** 0: there was no answer. */
const unavailable: ReadonlySet<number> = new Set([0, 502, 503, 504])
const isRetryable = (error: unknown, { method }: HttpRequest<unknown>): boolean =>
  idempotent.has(method) && (error instanceof TimeoutError || (error instanceof HttpErrorResponse && unavailable.has(error.status)))

const target = /^service:\/\/([^/?#]*)([^]*)$/

const decoded = (name: string): string => {
  try {
    return decodeURIComponent(name)
  } catch {
    throw new InvalidArgument('url', `must hold the name of a service after service://, got ${JSON.stringify(name)} (percent-encode it: encodeURIComponent(service))`)
  }
}

/** Sends a request to an instance. The balancer sees the answer alone: of a request that has emitted anything else it would take the first event for its success. */
const sent = (request: HttpRequest<unknown>, path: string, balancer: Balancer, next: HttpHandlerFn, zone: NgZone, options: BalancedInterceptorOptions): Observable<HttpEvent<unknown>> => {
  const { toUrl = ({ address }, { url }) => `http://${address}${url}`, retries = 2, retryable = isRetryable, timeout, deadline, key } = options
  const relative = request.clone({ url: path.startsWith('/') ? path : `/${path}`, transferCache: false })
  return new Observable<HttpEvent<unknown>>(subscriber => {
    let hasBegun = false
    const isResponse = (event: HttpEvent<unknown>): event is HttpResponse<unknown> => {
      if (event instanceof HttpResponse) return true
      if (event.type !== HttpEventType.Sent || !hasBegun) subscriber.next(event)
      hasBegun = true
      return false
    }
    const call = (instance: ServiceInstance): Observable<HttpResponse<unknown>> =>
      next(relative.clone({ url: toUrl(instance, relative) })).pipe(insideZone(zone), filter(isResponse))
    return balancer
      .use(call, { retries, retryable: error => retryable(error, request), timeout, deadline, key: key?.(request) })
      .pipe(outsideZone(zone))
      .subscribe(subscriber)
  })
}

/**
 * Sends requests for `service://orders/users` to an instance of the service `orders`, chosen by its balancer, and passes on all others. A name with a `/` is
 * percent-encoded. A request errors with what its last try errors with, or as `use` of a balancer does: `NoInstance`, RxJS's `TimeoutError`, `InvalidArgument`.
 *
 * @example provideHttpClient(withInterceptors([balancedInterceptor()]))
 */
export const balancedInterceptor = (options?: BalancedInterceptorOptions): HttpInterceptorFn => {
  if (options instanceof HttpRequest) throw new InvalidArgument('interceptor', 'must be what balancedInterceptor returns, got balancedInterceptor itself (call it: withInterceptors([balancedInterceptor()]))')
  throwIfInvalid(invalidOptions<BalancedInterceptorOptions>('balancedInterceptor', options, checks))
  return (request, next) => {
    const [, name, path = ''] = target.exec(request.url) ?? []
    if (name === undefined) return next(request)
    const [discovery, transfer, zone] = [inject(SERVICE_DISCOVERY), inject(ResponseTransfer), inject(NgZone)]
    const transfers = options?.transferCache ?? true
    return defer(() => {
      const received = transfers ? transfer.received(request) : undefined
      return received === undefined ? sent(request, path, discovery.balancer(decoded(name)), next, zone, options ?? {}) : of(received)
    }).pipe(
      tap(event => {
        if (transfers && event instanceof HttpResponse) transfer.send(request, event)
      }),
      insideZone(zone),
    )
  }
}
