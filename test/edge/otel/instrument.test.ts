import { context, trace } from '@opentelemetry/api'
import { channel } from 'node:diagnostics_channel'
import { defer, firstValueFrom, of, throwError, type ObservableInput } from 'rxjs'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { balance, discover, InvalidArgument, register, roundRobin, serviceInstance, serviceSet } from 'rx-discovery'
import { memoryRegistry } from 'rx-discovery/memory'
import { instrument } from 'rx-discovery/otel'
import { missing } from './dashboard.js'
import { expectTelemetry, scenario } from './scenario.js'
import { telemetry, type Telemetry } from './telemetry.js'

let observed: Telemetry
beforeEach(async () => {
  observed = await telemetry()
})
afterEach(() => observed.close())

const within = { timeout: 30_000, interval: 50 }
const nodes = (...ids: readonly string[]) => serviceSet('web', ids.map((id, at) => serviceInstance({ service: 'web', id, address: `10.0.0.${at + 1}:80` })))

describe('the metrics', () => {
  it('are in a scrape as the dashboard names them, all of them, without secrets and without ids', { timeout: 300_000 }, async () => {
    const registry = memoryRegistry()
    const result = await scenario(registry, {
      write: (key, value) => registry.write(key, value),
      // Longer than until the test sees it, and until the leases expire.
      goAway: () => registry.interrupt(1_500),
      comeBack: () => undefined,
      endLease: leaseId => registry.expire(leaseId),
    }, observed)
    await registry.close()
    expectTelemetry(result, '127.0.0.1')
  })

  it('(a name that is not there would be found)', () => {
    const samples = [{ name: 'rx_discovery_instances', labels: { rx_discovery_service: 'web' }, value: 1 }]
    expect(missing('sum by (rx_discovery_service) (rx_discovery_instances{rx_discovery_service=~"web"})', samples)).toEqual([])
    expect(missing('sum by (zone) (rate(rx_discovery_calls_total{rx_discovery_service="web"}[5m])) / {__name__=~"rx_discovery_instances(_total)?"}', samples)).toEqual(['rx_discovery_calls_total', 'zone'])
  })

  it('count a service once, however many discoveries follow it, and no longer when the last one has ended', async () => {
    const registry = memoryRegistry()
    registry.write('/rx-discovery/web/a', '{"v":1,"address":"a:80"}')
    const both = [discover(registry, 'web').subscribe(), discover(registry, 'web').subscribe()]
    const up = async () => (await observed.scrape()).samples.filter(({ name, value }) => name === 'rx_discovery_instances' && value > 0).map(({ value }) => value)
    await vi.waitFor(async () => expect(await up()).toEqual([1]), within)
    both[0]?.unsubscribe()
    expect(await up()).toEqual([1])
    both[1]?.unsubscribe()
    expect(await up()).toEqual([])
    await registry.close()
  })

  it('of two registries with the same service are apart if both report where they are', async () => {
    const registry = memoryRegistry()
    const { list, watch, check } = registry
    const subscriptions = [discover(registry, 'web').subscribe(), discover({ list, watch, check }, 'web').subscribe()]
    await vi.waitFor(async () => {
      const { samples } = await observed.scrape()
      expect(new Set(samples.filter(({ name }) => name === 'rx_discovery_staleness').map(({ labels }) => labels['server_address']))).toEqual(new Set(['etcd://127.0.0.1/web', 'web']))
    }, within)
    for (const subscription of subscriptions) subscription.unsubscribe()
    await registry.close()
  })

  it('end with the instrumentation: nothing listens any more, and no registration is counted', async () => {
    const registry = memoryRegistry()
    const registered = register(registry, { service: 'web', id: 'a', address: 'a:80' }).subscribe()
    const discovered = discover(registry, 'web').subscribe()
    const registrations = async () => (await observed.scrape()).sum('rx_discovery_registrations')
    await vi.waitFor(async () => expect(await registrations()).toBe(1), within)
    observed.unsubscribe()
    expect(await registrations()).toBe(0)
    const channels = ['sets', 'list-watch', 'registration', 'call', 'ejection'].map(name => channel(`rx-discovery:${name}`))
    expect(channels.map(({ hasSubscribers }) => hasSubscribers)).toEqual(channels.map(() => false))
    registered.unsubscribe()
    discovered.unsubscribe()
    await registry.close()
  })
})

describe('a span', () => {
  it('of a try names the service and the peer, and how it ended', async () => {
    const web = balance(of(nodes('a')), roundRobin(), { linger: 0 })
    await firstValueFrom(web.use(() => of(1)))
    await firstValueFrom(web.use(() => throwError(() => new TypeError('secret')))).catch(() => undefined)
    const [well, badly] = observed.spans()
    const common = { 'rx_discovery.service': 'web', 'server.address': 'web', 'network.peer.address': '10.0.0.1', 'network.peer.port': 80, 'rx_discovery.call.attempt': 1 }
    expect(well).toMatchObject({ name: 'call web', kind: 2, status: { code: 0 } })
    expect(well?.attributes).toEqual({ ...common, 'rx_discovery.call.result': 'success' })
    expect(badly).toMatchObject({ status: { code: 2 }, events: [] })
    expect(badly?.attributes).toEqual({ ...common, 'rx_discovery.call.result': 'failure', 'error.type': 'TypeError' })
  })

  const active = (): string | undefined => trace.getSpan(context.active())?.spanContext().spanId
  it.each<[string, (see: () => void) => () => ObservableInput<never>]>([
    ['a Promise', (see: () => void) => async () => { see(); await Promise.resolve(); see(); throw new Error('down') }],
    ['an Observable', (see: () => void) => () => defer(() => { see(); return throwError(() => new Error('down')) })],
  ])('is active while %s is made, and the next try is beside it, not inside it', async (_, callOf) => {
    const seen: (string | undefined)[] = []
    const web = balance(of(nodes('a', 'b')), roundRobin(), { linger: 0 })
    await firstValueFrom(web.use(callOf(() => seen.push(active())), { retries: 1 })).catch(() => undefined)
    expect(active()).toBeUndefined()
    const [first, second] = observed.spans()
    expect(new Set(seen)).toEqual(new Set([first?.spanContext().spanId, second?.spanContext().spanId]))
    expect([first?.parentSpanContext, second?.parentSpanContext]).toEqual([undefined, undefined])
    expect(second?.attributes).toMatchObject({ 'rx_discovery.call.attempt': 2 })
  })
})

it.each([
  [{ meterProvider: {} }, 'meterProvider'],
  [{ tracerProvider: () => undefined }, 'tracerProvider'],
  [{ meter: {} }, 'meter'],
])('refuses %j', (options, argument) => {
  const wrong = (): unknown => instrument(options as never)
  expect(wrong).toThrow(InvalidArgument)
  expect(wrong).toThrow(expect.objectContaining({ argument }) as Error)
})

it('works without a provider, and then reports to the global ones', () => {
  instrument().unsubscribe()
})
