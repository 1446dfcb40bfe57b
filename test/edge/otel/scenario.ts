import { firstValueFrom, Subscription } from 'rxjs'
import { expect, vi } from 'vitest'
import { balance, discover, exponential, register, roundRobin, type Registration, type Registry } from 'rx-discovery'
import { isOf, metricsIn, missing, queries } from './dashboard.js'
import type { Sample, Scrape, Telemetry } from './telemetry.js'

/** What the scenario does to a registry, as others would. */
export interface Levers {
  readonly write: (key: string, value: string) => unknown
  /** Nothing is answered until `comeBack`. */
  readonly goAway: () => unknown
  readonly comeBack: () => unknown
  readonly endLease: (leaseId: string) => unknown
}

/** What no metric and no span may contain: it is in metadata, in an entry that cannot be read, and in the errors of calls. */
const secret = 'hunter2-s3cret'
const id = 'instance-7f3a'
const within = { timeout: 60_000, interval: 100 }
const backoff = exponential({ max: 200 })

/** Brings about everything that is measured, and returns the scrape at its end, with all spans as text. Everything is ended afterwards. */
export const scenario = async (registry: Registry, { write, goAway, comeBack, endLease }: Levers, { scrape, spans }: Telemetry): Promise<Scrape & { readonly spans: string }> => {
  const all = new Subscription()
  try {
    const web$ = discover(registry, 'web', { backoff })
    all.add(web$.subscribe())
    let state: Registration | undefined
    all.add(register(registry, { service: 'web', id, address: '127.0.0.1:8001', metadata: { token: secret } }, { ttl: 2, backoff }).subscribe(next => (state = next)))
    all.add(register(registry, { service: 'web', id: 'b', address: '127.0.0.1:8002', status: 'draining' }, { ttl: 2, backoff }).subscribe())
    all.add(register(registry, { service: 'web', id: 'c', address: '[::1]:8003' }, { ttl: 2, backoff }).subscribe())
    await write('/rx-discovery/web/broken', `{"token":"${secret}"`)
    await vi.waitFor(async () => {
      const { sum } = await scrape()
      expect([sum('rx_discovery_instances', { rx_discovery_instance_status: 'up' }), sum('rx_discovery_rejected_entries'), sum('rx_discovery_staleness')]).toEqual([2, 1, 0])
      expect(sum('rx_discovery_lease_renewal_duration_count')).toBeGreaterThan(2)
    }, within)

    const web = balance(web$, roundRobin(), { outliers: { consecutive: 2 }, retryBudget: { share: 0, perSecond: 0.1 }, failed: error => (error as Error).name !== 'NotFound' })
    const refused = (): Promise<never> => Promise.reject(Object.assign(new Error(`refused with ${secret}`), { code: 'ECONNREFUSED' }))
    for (let call = 0; call < 4; call += 1) await firstValueFrom(web.use(refused, { retries: 1 })).catch(() => undefined)
    await firstValueFrom(web.use(() => Promise.reject(Object.assign(new Error(secret), { name: 'NotFound' })))).catch(() => undefined)
    web.use(() => new Promise(() => undefined)).subscribe().unsubscribe()
    await firstValueFrom(web.use(() => Promise.resolve('answer')))

    await goAway()
    await vi.waitFor(async () => expect((await scrape()).sum('rx_discovery_staleness')).toBeGreaterThan(0.3), within)
    await comeBack()
    await vi.waitFor(async () => expect((await scrape()).sum('rx_discovery_staleness')).toBe(0), within)
    await vi.waitFor(() => expect(state?.status).toBe('registered'), within)
    if (state?.status === 'registered') await endLease(state.leaseId)
    await vi.waitFor(async () => expect((await scrape()).sum('rx_discovery_registration_losses_total')).toBeGreaterThan(0), within)
    await vi.waitFor(async () => {
      const { sum } = await scrape()
      expect([sum('rx_discovery_instances'), sum('rx_discovery_registrations', { rx_discovery_registration_status: 'registered' })]).toEqual([3, 3])
    }, within)
    return { ...(await scrape()), spans: JSON.stringify(spans().map(({ name, attributes, status, events, links }) => ({ name, attributes, status, events, links }))) }
  } finally {
    all.unsubscribe()
  }
}

/** Checks what the scenario has measured, on any registry. `host` is where the registry is. */
export const expectTelemetry = ({ samples, sum, text, spans }: Awaited<ReturnType<typeof scenario>>, host: string): void => {
  const web = { rx_discovery_service: 'web', server_address: `etcd://${host}/web` }
  // The dashboard shows what there is, and all of it.
  expect(queries().flatMap(query => missing(query, samples).map(name => `${name} in ${query}`))).toEqual([])
  const family = ({ name }: Sample): string => name.replace(/_(?:bucket|sum|count)$/, '')
  const metrics = queries().flatMap(metricsIn)
  const shown = new Set(samples.filter(sample => metrics.some(metric => isOf(metric, sample))).map(family))
  expect([...new Set(samples.map(family))].filter(name => !shown.has(name))).toEqual([])

  expect(sum('rx_discovery_instances', { ...web, rx_discovery_instance_status: 'draining' })).toBe(1)
  expect(sum('rx_discovery_watch_reconnects_total', { rx_discovery_prefix: '/rx-discovery/web/', error_type: 'Disconnected' })).toBeGreaterThan(0)
  expect(sum('rx_discovery_watch_relists_total', { rx_discovery_prefix: '/rx-discovery/web/', error_type: 'Disconnected' })).toBeGreaterThan(0)
  // One token: of four calls that may be retried, one is.
  expect(sum('rx_discovery_call_retries_total', web)).toBe(1)
  expect(sum('rx_discovery_call_refused_retries_total', web)).toBe(3)
  expect(sum('rx_discovery_ejections_total', web)).toBe(1)
  expect(sum('rx_discovery_call_duration_count', { ...web, rx_discovery_call_result: 'failure', error_type: 'ECONNREFUSED' })).toBe(5)
  expect(sum('rx_discovery_call_duration_count', { ...web, rx_discovery_call_result: 'success', error_type: 'NotFound' })).toBe(1)
  expect(sum('rx_discovery_call_duration_count', { ...web, rx_discovery_call_result: 'abandoned' })).toBe(1)
  expect(sum('rx_discovery_call_duration_count', web)).toBe(8)

  expect(spans).toContain('ECONNREFUSED')
  for (const shownText of [text, spans]) expect(shownText).not.toMatch(new RegExp(`${secret}|hunter2|password`))
  // No label is as many as there are instances.
  expect(text).not.toMatch(new RegExp(`${id}|:800\\d|::1`))
}
