import '@angular/compiler'
import { HttpErrorResponse, HttpEventType, HttpHeaders, HttpResponse, type HttpEvent, type HttpRequest } from '@angular/common/http'
import { ApplicationRef } from '@angular/core'
import { concat, firstValueFrom, lastValueFrom, NEVER, of, tap, throwError, TimeoutError, toArray, type Observable } from 'rxjs'
import { describe, expect, it, vi } from 'vitest'
import { InvalidArgument, NoInstance, roundRobin } from 'rx-discovery'
import { balancedInterceptor, injectBalancer, withServerDiscovery, withService } from 'rx-discovery/angular'
import { memoryRegistry } from 'rx-discovery/memory'
import { answer, application, put, type AppOptions } from './app.js'

const status = (code: number): Observable<never> => throwError(() => new HttpErrorResponse({ status: code }))
const keysOf = (state: string): readonly string[] => Object.keys(JSON.parse(state) as object)
const refused = (error: unknown): number => (error as HttpErrorResponse).status

/** An application with the services `orders` and `foo/bar`, two instances each, that answers with the URL of the request, and a list of the URLs. */
const scene = ({ backend = ({ urlWithParams }) => answer(urlWithParams), features = [], ...options }: AppOptions = {}) => {
  const requests: HttpRequest<unknown>[] = []
  const registry = memoryRegistry()
  const app = application({
    registry,
    backend: request => {
      requests.push(request)
      return backend(request)
    },
    features: [withService('orders', { policy: roundRobin(), balance: { wait: 100 } }), ...features],
    ...options,
  })
  for (const id of ['a', 'b']) for (const service of ['orders', 'foo/bar']) put(registry, service, id)
  const get = (url: string): Promise<unknown> => firstValueFrom(app.http.get(url))
  return { ...app, requests, urls: () => requests.map(({ urlWithParams }) => urlWithParams), hosts: () => requests.map(({ url }) => new URL(url).hostname), get }
}

describe('balancedInterceptor', () => {
  it('sends requests for service://… to the instances of the service in turn', async () => {
    const { get, urls } = scene()
    for (let i = 0; i < 4; i++) await get('service://orders/users')
    expect(urls().sort()).toEqual(['http://a:80/users', 'http://a:80/users', 'http://b:80/users', 'http://b:80/users'])
  })

  it.each([
    ['service://orders', '/'],
    ['service://orders/', '/'],
    ['service://orders?all=1', '/?all=1'],
    ['service://orders/users/7?all=1&x=%20', '/users/7?all=1&x=%20'],
    ['service://foo%2Fbar/users', '/users'],
  ])('%s asks an instance for %s', async (url, path) => {
    const { get } = scene()
    expect(await get(url)).toMatch(new RegExp(`^http://[ab]:80${path.replaceAll('?', '\\?')}$`))
  })

  it('keeps parameters, headers and body', async () => {
    const { http, requests } = scene()
    await firstValueFrom(http.post('service://orders/users', { name: 'x' }, { params: { all: 1 }, headers: { 'x-id': '7' } }))
    expect(requests.map(({ urlWithParams, headers, body }) => [urlWithParams.slice(-12), headers.get('x-id'), body])).toEqual([['/users?all=1', '7', { name: 'x' }]])
  })

  it('passes on every other request', async () => {
    const { get } = scene()
    expect(await get('https://example.com/users')).toBe('https://example.com/users')
    expect(await get('/service://orders')).toBe('/service://orders')
  })

  it('maps to what a browser can reach by toUrl, which gets the instance and the request with what follows the name', async () => {
    const { http, urls } = scene({ interceptor: { toUrl: ({ service, id }, { url, method }) => `/gateway/${service}/${id}/${method}${url}` } })
    await firstValueFrom(http.get('service://orders/users', { params: { all: true } }))
    expect(urls()[0]).toMatch(/^\/gateway\/orders\/[ab]\/GET\/users\?all=true$/)
  })

  it('errors with InvalidArgument for the name of no service', async () => {
    const { get } = scene()
    await expect(get('service:///users')).rejects.toThrow(InvalidArgument)
    await expect(get('service://%ff/users')).rejects.toThrow('percent-encode it')
  })

  it('errors with NoInstance if there is none', async () => {
    const { registry, get } = scene()
    for (const id of ['a', 'b']) registry.write(`/rx-discovery/orders/${id}`, null)
    await expect(get('service://orders/users')).rejects.toThrow(NoInstance)
  })
})

describe('the balancer of balancedInterceptor', () => {
  it('takes only the answer for a success: a failure after Sent is the failure of the instance', async () => {
    const { http, run, get } = scene({ backend: () => status(503), interceptor: { retries: 0 } })
    const balancer = run(() => injectBalancer('orders'))
    const events: HttpEvent<unknown>[] = []
    await expect(lastValueFrom(http.get('service://orders/users', { observe: 'events' }).pipe(tap(event => events.push(event))))).rejects.toMatchObject({ status: 503 })
    await get('service://orders/users').catch(() => undefined)
    const states = await firstValueFrom(balancer.state$)
    expect([...states.values()].map(({ failures, inFlight }) => [failures, inFlight])).toEqual([[1, 0], [1, 0]])
    expect(events.map(({ type }) => type)).toEqual([HttpEventType.Sent])
  })

  it('takes an answer below 500 for a success', async () => {
    const { run, get } = scene({ backend: () => status(404) })
    const balancer = run(() => injectBalancer('orders'))
    await expect(get('service://orders/users')).rejects.toMatchObject({ status: 404 })
    const states = await firstValueFrom(balancer.state$)
    expect([...states.values()].map(({ failures }) => failures)).toEqual([0, 0])
  })

  it('passes on the events of progress, and Sent once', async () => {
    const progress = { type: HttpEventType.DownloadProgress, loaded: 1 } as const
    let tries = 0
    const { http } = scene({ backend: ({ url }) => concat(of(progress), ++tries === 1 ? status(503) : answer(url)) })
    const events = await lastValueFrom(http.get('service://orders/users', { observe: 'events', reportDownloadProgress: true }).pipe(toArray()))
    expect(events.map(({ type }) => type)).toEqual([HttpEventType.Sent, HttpEventType.DownloadProgress, HttpEventType.DownloadProgress, HttpEventType.Response])
  })

  it('learns nothing from a request that is cancelled, and the request is', async () => {
    const cancelled = vi.fn()
    const { http, requests } = scene({ backend: () => NEVER.pipe(tap({ unsubscribe: cancelled })) })
    const request = http.get('service://orders/users').subscribe()
    await vi.waitFor(() => expect(requests).toHaveLength(1))
    request.unsubscribe()
    expect(cancelled).toHaveBeenCalledOnce()
  })
})

describe('retries', () => {
  it.each([0, 502, 503, 504])('go to another instance after the status %i', async code => {
    let tries = 0
    const { get, hosts } = scene({ backend: ({ url }) => (++tries === 1 ? status(code) : answer(url)) })
    await get('service://orders/users')
    expect(hosts().sort()).toEqual(['a', 'b'])
  })

  it.each(['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE'])('are made for %s', async method => {
    const { http, requests } = scene({ backend: () => status(503) })
    await expect(lastValueFrom(http.request(method, 'service://orders/users'))).rejects.toMatchObject({ status: 503 })
    expect(requests).toHaveLength(3)
  })

  it.each(['POST', 'PATCH'])('are not made for %s', async method => {
    const { http, requests } = scene({ backend: () => status(503) })
    await expect(lastValueFrom(http.request(method, 'service://orders/users'))).rejects.toMatchObject({ status: 503 })
    expect(requests).toHaveLength(1)
  })

  it.each([400, 404, 409, 429, 500, 501])('are not made after the status %i', async code => {
    const { get, requests } = scene({ backend: () => status(code) })
    await expect(get('service://orders/users')).rejects.toMatchObject({ status: code })
    expect(requests).toHaveLength(1)
  })

  it('are made as retryable says, which gets the error and the request', async () => {
    const retryable = vi.fn((error: unknown, { method }: HttpRequest<unknown>) => method === 'POST' && refused(error) === 429)
    const { http, requests } = scene({ backend: () => status(429), interceptor: { retryable, retries: 1 } })
    await expect(lastValueFrom(http.post('service://orders/users', null))).rejects.toMatchObject({ status: 429 })
    expect(requests).toHaveLength(2)
    expect(retryable.mock.calls.map(([, { url }]) => url)).toEqual(['service://orders/users'])
  })

  it('are made after a timeout', async () => {
    let tries = 0
    const { get, requests } = scene({ backend: ({ url }) => (++tries === 1 ? NEVER : answer(url)), interceptor: { timeout: 20 } })
    await get('service://orders/users')
    expect(requests).toHaveLength(2)
  })

  it('end with the deadline', async () => {
    const { get } = scene({ backend: () => NEVER, interceptor: { timeout: 20, deadline: 30, retries: 9 } })
    await expect(get('service://orders/users')).rejects.toThrow(TimeoutError)
  })
})

describe('answers that a server got', () => {
  const rendered = async (request: (app: ReturnType<typeof scene>) => Observable<unknown>, options: AppOptions = {}): Promise<string> => {
    const app = scene({ platform: 'server', features: [withServerDiscovery()], backend: () => answer({ total: 7 }), ...options })
    await lastValueFrom(request(app))
    return app.page.toJson()
  }
  const users = ({ http }: ReturnType<typeof scene>): Observable<unknown> => http.get('service://orders/users', { params: { all: 1 } })

  it('are taken from the page, which holds no address of an instance', async () => {
    const state = await rendered(users)
    expect(keysOf(state)).toEqual(['rx-discovery GET json service://orders/users?all=1'])
    expect(state).not.toMatch(/[ab]:80/)
    const browser = scene({ state })
    expect(await lastValueFrom(users(browser))).toEqual({ total: 7 })
    expect(browser.requests).toEqual([])
    expect(browser.registry.subscriptions()).toEqual({ watches: 0, leases: 0, calls: 0 })
  })

  it('carry the headers that the request names', async () => {
    const request = ({ http }: ReturnType<typeof scene>) => http.get('service://orders/users', { observe: 'response', transferCache: { includeHeaders: ['x-total'] } })
    const headers = new HttpHeaders({ 'x-total': '7', 'x-other': '8' })
    const state = await rendered(request, { backend: () => answer([], { headers }) })
    const received = await lastValueFrom(request(scene({ state })))
    expect(received).toBeInstanceOf(HttpResponse)
    expect([received.headers.get('x-total'), received.headers.get('x-other'), received.url]).toEqual(['7', null, 'service://orders/users'])
  })

  it('are not taken any more once the application is stable', async () => {
    const state = await rendered(users)
    const browser = scene({ state })
    const app = browser.injector.get(ApplicationRef)
    // What Angular does when a component is bootstrapped.
    const { APP_BOOTSTRAP_LISTENER } = await import('@angular/core')
    for (const listener of browser.injector.get(APP_BOOTSTRAP_LISTENER)) listener(undefined as never)
    await app.whenStable()
    await Promise.resolve()
    await lastValueFrom(users(browser))
    expect(browser.requests).toHaveLength(1)
  })

  it.each<[string, (app: ReturnType<typeof scene>) => Observable<unknown>, AppOptions]>([
    ['of a request with authorization', ({ http }) => http.get('service://orders/me', { headers: { authorization: 'x' } }), {}],
    ['of a request with a cookie', ({ http }) => http.get('service://orders/me', { headers: { cookie: 'x' } }), {}],
    ['of a request with credentials', ({ http }) => http.get('service://orders/me', { withCredentials: true }), {}],
    ['of a request with transferCache: false', ({ http }) => http.get('service://orders/me', { transferCache: false }), {}],
    ['of a POST', ({ http }) => http.post('service://orders/me', null), {}],
    ['of binary data', ({ http }) => http.get('service://orders/me', { responseType: 'blob' }), { backend: () => answer(null) }],
    ['that are private', users, { backend: () => answer(1, { headers: new HttpHeaders({ 'cache-control': 'max-age=1, private' }) }) }],
    ['that set a cookie', users, { backend: () => answer(1, { headers: new HttpHeaders({ 'set-cookie': 'a=b' }) }) }],
    ['with the option transferCache: false', users, { interceptor: { transferCache: false } }],
  ])('%s do not enter the page', async (_, request, options) => {
    expect(keysOf(await rendered(request, options))).toEqual([])
  })

  it("never enter it through Angular's own transfer cache, which would hold the address of the instance", async () => {
    const app = scene({ platform: 'server', features: [withServerDiscovery()] })
    await app.get('service://orders/users')
    expect(app.requests.map(({ transferCache }) => transferCache)).toEqual([false])
  })
})

describe('on a server without withServerDiscovery', () => {
  it('requests error at once, and nothing is opened', async () => {
    const { get, registry } = scene({ platform: 'server' })
    await expect(get('service://orders/users')).rejects.toThrow('features must include withServerDiscovery()')
    expect(registry.subscriptions()).toEqual({ watches: 0, leases: 0, calls: 0 })
  })
})

describe('the options of balancedInterceptor', () => {
  it.each([
    [{ toUrl: '/' }, 'toUrl must be a function'],
    [{ retries: -1 }, 'retries must be a number, 0 or more, got -1'],
    [{ retry: 1 }, 'retry is not an option of balancedInterceptor'],
    [{ transferCache: 1 }, 'transferCache must be true or false, got 1'],
  ])('%j: %s', (options, message) => {
    expect(() => balancedInterceptor(options as never)).toThrow(message)
  })
})
