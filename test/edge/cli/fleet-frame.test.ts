import { describe, expect, it } from 'vitest'
import { Disconnected } from '../../../src/core/errors.js'
import { markedBy } from '../../../src/core/instance/leased.js'
import { serviceInstance, type ServiceInstanceInput, type Status } from '../../../src/core/instance/instance.js'
import { serviceSet, type ServiceSet, type ServiceSetOptions, type Trouble } from '../../../src/core/sets/service-set.js'
import { fleetFrame, type FrameOptions } from '../../../src/edge/cli/fleet-frame.js'
import type { FollowedServices } from '../../../src/edge/cli/follow-services.js'
import { nextWatched, unwatched, type Watched } from '../../../src/edge/cli/watched.js'

const start = Date.UTC(2026, 0, 1, 3)
const instance = (input: Omit<ServiceInstanceInput, 'service'>, service = 'web') => serviceInstance({ service, incarnation: 'a', ...input })
const node = (id: string, input: Partial<ServiceInstanceInput> = {}) => instance({ id, address: `10.0.0.5:80${id.slice(-2)}`, ...input })
const set = (service: string, instances: Parameters<typeof serviceSet>[1] = [], options: ServiceSetOptions = {}) => serviceSet(service, instances, { revision: 7, asOf: start, ...options })
const fleet = (...sets: readonly ServiceSet[]): FollowedServices => ({ sets: new Map(sets.map(each => [each.service, each])) })
const together = (...sets: readonly ServiceSet[]): FollowedServices => ({ ...fleet(...sets), state: { status: 'live', revision: 8, asOf: start } })
const refused = (host: string, since: number): Trouble => ({ error: new Disconnected(`${host} refused the connection: connect ECONNREFUSED ${host}`), since, attempt: 1, retryAt: since + 100 })

const web = set('web', [node('node01', { version: '1.2.0', zone: 'eu-1' }), node('node02', { status: 'draining' }), node('node03', { weight: 2.5 })])
const orders = set('orders', [markedBy('0', instance({ id: 'o1', address: 'orders.internal:443' }, 'orders')), instance({ id: 'o2', address: 'h:2', status: 'down' }, 'orders')], {
  rejected: [{ key: '/rx-discovery/orders/bad\u001b[31m', reason: 'the value must be JSON' }],
})
const watched = (...fleets: readonly FollowedServices[]): Watched => fleets.reduce((before, next, at) => nextWatched(before, next, start + at * 60_000), unwatched)
const both = watched(fleet(orders, web))
const overrides = new Map<string, Status>([['web/node02', 'draining'], ['web/node03', 'down'], ['orders/o1', 'down'], ['orders/gone', 'draining'], ['unread/a', 'down']])

const frame = (shown: Watched, options: Partial<FrameOptions> = {}): string =>
  `${fleetFrame(shown, { columns: 100, rows: 20, now: start + 95_000, colours: false, errors: false, ...options }).join('\n')}\n`.replaceAll('\u001b', '␛')

describe('a frame', () => {
  it.each<readonly [string, string]>([
    ['of two services: sick instances come first', frame(both)],
    ['with colours', frame(both, { colours: true })],
    ['with --errors', frame(both, { errors: true })],
    ['with --errors, of a healthy fleet', frame(watched(fleet(set('web', [node('node01')]))), { errors: true })],
    ['of overridden instances, one of which does not follow', frame({ ...both, overrides }, { columns: 120 })],
    ['of overridden instances, with --errors, clipped to 9 rows', frame({ ...both, overrides: new Map<string, Status>([...overrides, ...['a', 'b', 'c', 'd'].map(id => [`web/${id}`, 'down'] as const)]) }, { errors: true, rows: 9, columns: 120 })],
    ['clipped to 48 columns', frame(both, { columns: 48 })],
    ['clipped to 6 rows', frame(both, { rows: 6 })],
    ['before the first answer', frame(unwatched)],
    ['of services without instances', frame(watched(fleet(set('web'))))],
    ['of services that are stale together, and one that is pending', frame(watched(fleet(
      set('web', [node('node01')], { status: 'stale', trouble: refused('127.0.0.1:2379', start + 30_000) }),
      set('grpc', [], { status: 'stale', trouble: refused('127.0.0.1:2379', start + 31_000) }),
      set('orders', [], { status: 'pending' }),
    )))],
    ['of all services, stale', frame(watched({ ...fleet(web), state: { status: 'stale', revision: 9, asOf: start + 20_000, trouble: refused('127.0.0.1:2379', start + 30_000) } }), { colours: true, columns: 160 })],
    ['of many entries that cannot be read', frame(watched(fleet(set('web', Array.from({ length: 30 }, (_, at) => node(`node${at + 10}`)), {
      rejected: Array.from({ length: 9 }, (_, at) => ({ key: `/rx-discovery/web/bad${at}`, reason: 'the value must be JSON' })),
    }))), { rows: 12 })],
    ['of instances that joined, changed, and were replaced while it was shown', frame(watched(
      together(set('web', [node('node01'), node('node02')])),
      together(set('web', [node('node01', { weight: 2 }), node('node02', { incarnation: 'b' }), node('node03')]), set('new', [instance({ id: 'n1', address: 'h:1' }, 'new')])),
    ))],
    ['of a service that is read later than another one', frame(watched(
      fleet(set('web', [node('node01')]), set('new', [], { status: 'pending' })),
      fleet(set('web', [node('node01')]), set('new', [instance({ id: 'n1', address: 'h:1' }, 'new')])),
    ))],
  ])('%s', async (name, text) => {
    await expect(text).toMatchFileSnapshot(`frames/${name.replace(/[^a-z0-9]+/gi, '-').replace(/^-|-$/g, '')}.txt`)
  })

  it('is never larger than the terminal', () => {
    for (const columns of [0, 1, 2, 10, 40, 200])
      for (const rows of [0, 1, 2, 3, 4, 5, 8, 30]) {
        const lines = fleetFrame(both, { columns, rows, now: start, colours: false, errors: false })
        expect(lines.length).toBeLessThanOrEqual(rows)
        for (const line of lines) expect(Array.from(line).length).toBeLessThanOrEqual(columns)
      }
  })
})
