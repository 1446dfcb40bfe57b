import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { of, Subject, throwError } from 'rxjs'
import { describe, expect, it, onTestFinished } from 'vitest'
import { balance, catalog, discover, register, roundRobin, type DiagnosticMessages, type ServiceInstanceInput } from 'rx-discovery'
import { virtually } from 'rx-discovery/testing'
import { failing, nodes } from './balancing/balance-scene.js'
import { put, remove, scene, see, shown, steady } from '../scene.js'

type Name = keyof DiagnosticMessages

/** Keeps what a channel delivers during the test; `seen` makes a text of a message when it comes, since some change later. */
const listen = <N extends Name, A>(name: N, seen: (message: DiagnosticMessages[N]) => A): A[] => {
  const all: A[] = []
  const listener = (message: unknown): void => void all.push(seen(message as DiagnosticMessages[N]))
  subscribe(name, listener)
  onTestFinished(() => void unsubscribe(name, listener))
  return all
}

describe('the channel of sets', () => {
  it('has each set that discover emits, and an empty map at the end, for all subscribers once', () => {
    scene(({ registry, see, advance }) => {
      const runs = new Set<object>()
      const all = listen('rx-discovery:sets', ({ run, registry: from, sets }) => {
        runs.add(run)
        expect(from).toBe(registry)
        return [...sets].map(([service, set]) => `${service}: ${shown(set)}`).join()
      })
      const web = discover(registry, 'web')
      const first = see(web)
      const second = see(web)
      advance(10)
      put(registry, 'a')
      advance(10)
      first.stop()
      second.stop()
      expect(all).toEqual(['web: pending', 'web: live', 'web: live a@1', ''])
      expect(runs.size).toBe(1)
    })
  })

  it('has all sets of a catalog', () => {
    scene(({ registry, see, advance }) => {
      const all = listen('rx-discovery:sets', ({ sets }) => [...sets.values()].map(shown).join('; '))
      put(registry, 'a')
      put(registry, 'b', '2', 'api')
      const seen = see(catalog(registry))
      advance(10)
      seen.stop()
      expect(all).toEqual(['live b@2; live a@1', ''])
    })
  })
})

describe('the channel of list-watches', () => {
  it('has each listing with its reason, and each interruption', () => {
    scene(({ registry, see, advance }) => {
      const all = listen('rx-discovery:list-watch', ({ prefix, event, error }) => `${prefix} ${event} ${error?.name ?? ''}`)
      see(discover(registry, 'web', { backoff: steady }))
      advance(10)
      registry.interrupt()
      advance(10_000)
      expect(all).toEqual(['/rx-discovery/web/ listed ', '/rx-discovery/web/ interrupted Disconnected', '/rx-discovery/web/ listed Disconnected'])
    })
  })
})

describe('the channel of registrations', () => {
  it('has each state with the service, and undefined at the end', () => {
    scene(({ registry, see, advance }) => {
      const all = listen('rx-discovery:registration', ({ run: { service }, registration }) => `${service} ${registration?.status ?? 'ended'}`)
      const seen = see(register(registry, { service: 'web', id: 'a', address: 'a:80' }, { ttl: 9, backoff: steady }))
      advance(3_500)
      remove(registry, 'a')
      advance(200)
      seen.stop()
      expect(all).toEqual(['web registering', 'web registered', 'web registered', 'web lost', 'web registered', 'web ended'])
    })
  })

  it('knows the service of a registration once its first instance has come; an instance Observable that errors ends it', () => {
    scene(({ registry, see, advance }) => {
      const all = listen('rx-discovery:registration', ({ run: { service }, registration }) => `${service} ${registration?.status ?? 'ended'}`)
      const instances = new Subject<ServiceInstanceInput>()
      see(register(registry, instances, { ttl: 9, override: false }))
      advance(10)
      instances.next({ service: 'web', id: 'a', address: 'a:80' })
      advance(10)
      instances.error(new Error('no address'))
      expect(all).toEqual([' registering', 'web registered', 'web ended'])
    })
  })
})

describe('the channel of calls', () => {
  const state = ({ attempt, instance, result, error, duration, refused }: DiagnosticMessages['rx-discovery:call']) =>
    result === undefined ? `${attempt} to ${instance.id}` : `${attempt} ${result} after ${duration ?? NaN}${error instanceof Error ? `: ${error.message}` : ''}${refused === true ? ', no retry' : ''}`

  it('has each try at its beginning and at its end, with what the retry budget has refused', () => virtually(({ advance }) => {
    const calls = new Set<object>()
    const all = listen('rx-discovery:call', message => {
      calls.add(message.call)
      return state(message)
    })
    const web = balance(of(nodes('a', 'b')), roundRobin(), { outliers: false, random: () => 0, retryBudget: { share: 0, perSecond: 0.1 } })
    see(web.use(() => failing(5), { retries: 3 }))
    advance(100)
    expect(all.map(text => text.replace(/to \w/, 'to one'))).toEqual([
      '1 to one', '1 failure after 5: down', '2 to one', '2 failure after 5: down, no retry',
    ])
    expect(calls.size).toBe(1)
    advance(20_000)
  }))

  it('has how a try ended: an error that is not the instance’s failure, a caller that left', () => virtually(({ advance }) => {
    const all = listen('rx-discovery:call', state)
    const web = balance(of(nodes('a')), roundRobin(), { failed: () => false })
    see(web.use(() => throwError(() => new Error('not found'))))
    see(web.use(() => new Subject())).stop()
    see(web.use(() => of(1)))
    advance(20_000)
    expect(all).toEqual(['1 to a', '1 success after 0: not found', '1 to a', '1 abandoned after 0', '1 to a', '1 success after 0'])
  }))

  it('lets a subscriber wrap the call, and the subscription to what it returns', () => virtually(({ advance }) => {
    const seen: string[] = []
    listen('rx-discovery:call', message => {
      if (message.result !== undefined) return
      message.within = make => {
        seen.push('in')
        const made = make()
        seen.push('out')
        return made
      }
    })
    const web = balance(of(nodes('a')), roundRobin())
    see(web.use(() => {
      seen.push('call')
      return of(1)
    }), () => seen.push('value'))
    advance(20_000)
    expect(seen).toEqual(['in', 'call', 'out', 'in', 'value', 'out'])
  }))
})

it('the channel of ejections has the instance and the duration', () => virtually(({ advance }) => {
  const all = listen('rx-discovery:ejection', ({ instance, duration }) => `${instance.id} ${duration}`)
  const web = balance(of(nodes('a')), roundRobin(), { outliers: { consecutive: 2 } })
  see(web.use(() => failing(), { retries: 1 }))
  advance(60_000)
  expect(all).toEqual(['a 30000'])
}))
