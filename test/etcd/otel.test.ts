import { afterAll, beforeAll, expect, it } from 'vitest'
import { etcdRegistry } from 'rx-discovery/etcd'
import { expectTelemetry, scenario } from '../edge/otel/scenario.js'
import { telemetry, type Telemetry } from '../edge/otel/telemetry.js'
import { enableAuth } from './auth.js'
import { own } from './own.js'
import { faultProxy } from './proxy.js'
import { etcdServer } from './server.js'

let observed: Telemetry
beforeAll(async () => {
  observed = await telemetry()
})
afterAll(() => observed.close())

it('the metrics and spans of an etcd with a password are those of the dashboard, without secrets', { timeout: 300_000 }, async () => {
  const etcd = own(await etcdServer(), it => it.close())
  const { user, root } = await enableAuth(etcd.client(), '/rx-discovery/web/')
  const admin = etcd.client({ auth: root })
  const proxy = own(await faultProxy(etcd.endpoint), it => it.close())
  const registry = own(etcdRegistry({ hosts: proxy.endpoint, auth: user }), it => it.close())
  const result = await scenario(registry, {
    write: (key, value) => admin.put(key).value(value),
    goAway: proxy.refuse,
    comeBack: proxy.accept,
    endLease: leaseId => admin.leaseClient.leaseRevoke({ ID: leaseId }),
  }, observed)
  expect(result.text).not.toMatch(new RegExp(`${user.password}|${root.password}`))
  expectTelemetry(result, new URL(proxy.endpoint).host)
})
