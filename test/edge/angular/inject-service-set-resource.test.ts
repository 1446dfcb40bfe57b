import '@angular/compiler'
import { expect, it, vi } from 'vitest'
import { injectServiceSetResource } from 'rx-discovery/angular'
import { application, put, settle, words } from './app.js'

it('the resource of a set is loading, resolved and, with its value, reloading; never in the status error', async () => {
  const { registry, run } = application()
  put(registry, 'orders', 'a')
  const orders = run(() => injectServiceSetResource(() => 'orders'))
  const shows = (status: string, set: string): Promise<void> =>
    vi.waitFor(() => {
      settle()
      expect([orders.status(), words(orders.value()), orders.hasValue(), orders.isLoading()]).toEqual([status, set, true, status !== 'resolved'])
    })
  expect([orders.status(), words(orders.value())]).toEqual(['loading', 'orders pending'])
  await shows('resolved', 'orders live a')
  registry.interrupt(60_000)
  await shows('reloading', 'orders stale a')
  await registry.close()
  await vi.waitFor(() => expect(orders.value().trouble?.attempt).toBe(0))
  await shows('reloading', 'orders stale a')
  expect(orders.error()).toBeUndefined()
})
