import { provideHttpClient, withInterceptors } from '@angular/common/http'
import { provideBrowserGlobalErrorListeners, type ApplicationConfig } from '@angular/core'
import { balancedInterceptor, provideServiceDiscovery } from 'rx-discovery/angular'

/** `service://stock/levels` goes to the instance that the page's balancer chooses, which a browser reaches through the gateway. */
const balanced = balancedInterceptor({
  toUrl: ({ service, id }, { url }) => `/instances/${encodeURIComponent(service)}/${encodeURIComponent(id)}${url}`,
  timeout: 2_000,
})

export const appConfig: ApplicationConfig = {
  providers: [provideBrowserGlobalErrorListeners(), provideHttpClient(withInterceptors([balanced])), provideServiceDiscovery({ url: '/discovery' })],
}
