import '@angular/compiler'
import { HttpBackend, HttpClient, HttpEventType, HttpResponse, provideHttpClient, withInterceptors, withNoXsrfProtection, type HttpEvent, type HttpRequest } from '@angular/common/http'
import { ApplicationModule, createPlatformFactory, ErrorHandler, Injector, NgModule, platformCore, PLATFORM_ID, TransferState, ɵINJECTOR_SCOPE } from '@angular/core'
import { TestBed, TestComponentRenderer } from '@angular/core/testing'
import { concat, defer, of, type Observable } from 'rxjs'
import type { ServiceSet } from 'rx-discovery'
import { memoryRegistry, type MemoryRegistry } from 'rx-discovery/memory'
import { balancedInterceptor, provideServiceDiscovery, type BalancedInterceptorOptions, type ServiceDiscoveryFeature } from 'rx-discovery/angular'

// eslint-disable-next-line @typescript-eslint/no-extraneous-class -- Angular's modules are
class NoModule {}
const failing = { handleError: (error: unknown): never => { throw error } }
// What the module of a browser has, without a DOM.
TestBed.initTestEnvironment(NgModule({ imports: [ApplicationModule], providers: [{ provide: ErrorHandler, useValue: failing }, { provide: ɵINJECTOR_SCOPE, useValue: 'root' }, { provide: TestComponentRenderer, useValue: new TestComponentRenderer() }] })(NoModule), createPlatformFactory(platformCore, 'node', [])(), {
  errorOnUnknownElements: true,
})

/** What a test may choose of an application. */
export interface AppOptions {
  readonly platform?: 'browser' | 'server'
  readonly registry?: MemoryRegistry
  readonly features?: readonly ServiceDiscoveryFeature[]
  /** What the page holds. */
  readonly state?: string
  readonly interceptor?: BalancedInterceptorOptions
  readonly backend?: (request: HttpRequest<unknown>) => Observable<HttpEvent<unknown>>
}

/** An application without components: its injector, the page's state, and a registry in memory. It replaces the one before. */
export const application = ({ platform = 'browser', registry = memoryRegistry(), features = [], state = '{}', interceptor = {}, backend = () => of() }: AppOptions = {}) => {
  const page = new TransferState()
  Object.assign(page, { store: JSON.parse(state) as object })
  TestBed.resetTestingModule()
  TestBed.configureTestingModule({
    providers: [
      provideServiceDiscovery({ registry }, ...features),
      provideHttpClient(withInterceptors([balancedInterceptor(interceptor)]), withNoXsrfProtection()),
      { provide: HttpBackend, useValue: { handle: (request: HttpRequest<unknown>) => concat(of({ type: HttpEventType.Sent } as const), defer(() => backend(request))) } },
      { provide: PLATFORM_ID, useValue: platform },
      { provide: TransferState, useValue: page },
    ],
  })
  const injector = TestBed.inject(Injector)
  return { registry, injector, page, run: <A>(body: () => A): A => TestBed.runInInjectionContext(body), http: injector.get(HttpClient) }
}

/** Runs the effects that are due. */
export const settle = (): void => TestBed.tick()

/** Puts an instance into a registry. */
export const put = (registry: MemoryRegistry, service: string, id: string, fields: object = {}): void =>
  void registry.write(`/rx-discovery/${service}/${id}`, JSON.stringify({ v: 1, address: `${id}:80`, ...fields }))

/** A set in a few words: `orders live a,b`. */
export const words = (set: ServiceSet): string => [set.service, set.status, [...set].map(({ id }) => id).join()].join(' ').trim()

/** An answer of a backend. */
export const answer = (body: unknown, init: ConstructorParameters<typeof HttpResponse>[0] = {}): Observable<HttpResponse<unknown>> => of(new HttpResponse({ status: 200, ...init, body }))
