import { randomUUID } from 'node:crypto'
import { asyncProperty, assert as check, type Arbitrary } from 'fast-check'
import { BehaviorSubject } from 'rxjs'
import { either as E, option as O } from 'fp-ts'
import { expect, inject, it } from 'vitest'
import { discover, register, type Format, type ServiceInstanceInput, type ServiceSet } from 'rx-discovery'
import { etcdRegistry } from 'rx-discovery/etcd'
import { own } from '../etcd/own.js'
import { faultProxy } from '../etcd/proxy.js'
import { plainClient } from '../etcd/server.js'
import { neighbour, type Neighbour } from './neighbour.js'
import { recordedLease, wires, type About, type Wire } from './wires.js'

/** A program of another stack that follows a service. */
export interface Follower {
  readonly command: readonly string[]
  /** What it sees of a service that has this instance alone. */
  readonly sees: (service: string, about: About) => unknown
  /** Whether its stack has to be asked, because it does not report the changes of an instance that stays. */
  readonly missesUpdates?: boolean
}

/** The programs of another stack. */
export interface Stack {
  readonly writer: readonly string[]
  readonly followers: Readonly<Record<string, Follower>>
  /** Metadata to compare the bytes of, if the format carries metadata. */
  readonly metadata?: Arbitrary<Readonly<Record<string, string>>>
}

/** How long a test waits for a condition. */
export const patience = { timeout: 20_000, interval: 20 }

const etcd = (): string => inject('etcdEndpoints')[0] ?? ''

/** Starts a program of another stack for one test. */
export const started = async (name: string, command: readonly string[]): Promise<Neighbour> =>
  own(await neighbour(name, [...command, new URL(etcd()).host]), it => it.kill())

/** A registry of ours for one test. */
export const ours = (hosts = etcd()) => own(etcdRegistry({ hosts }), it => it.close())

/** A consumer of ours: waits until it sees these instances alone. */
export const consumer = (service: string, format: Format) => {
  const last: { set?: ServiceSet } = {}
  own(discover(ours(), service, { format }).subscribe(set => (last.set = set)), it => it.unsubscribe())
  const shown = () => ({ status: last.set?.status, instances: last.set?.toArray(), rejected: [...(last.set?.rejected.values() ?? [])] })
  return {
    shown,
    sees: (...instances: readonly Partial<ServiceInstanceInput>[]) =>
      expect.poll(shown, patience).toEqual({ status: 'live', instances: instances.map(fields => expect.objectContaining(fields) as unknown), rejected: [] }),
  }
}

/** Waits until a follower of another stack sees this. */
export const sees = (follower: Neighbour, expected: readonly unknown[]) => expect.poll(follower.seen, patience).toEqual(expected)

/** A service name of one test. */
export const aService = (): string => `greeter-${randomUUID()}`

/** The keys of a service, with their values and leases. */
export const stored = async (format: Format, service: string) => {
  const client = plainClient({ hosts: etcd() })
  try {
    const { kvs } = await client.getAll().prefix(format.prefix(service)).exec()
    return kvs.map(({ key, value, lease }) => ({ key: key.toString(), value: value.toString(), lease }))
  } finally {
    client.close()
  }
}

/** The tests of one stack, in both directions. */
export const bothDirections = (name: keyof typeof wires, { writer, followers, metadata }: Stack): void => {
  const { format, fields, first, changed, recording }: Wire = wires[name]

  it(`rx-discovery finds what ${name} writes: an instance appears, changes, leaves, and expires`, async () => {
    const service = aService()
    const consuming = consumer(service, format)
    await consuming.sees()
    const process = await started(name, writer)

    await process.ask({ do: 'register', service, ...first, ttl: 60 })
    await consuming.sees(fields(first))
    // The format writes the same bytes.
    const [entry] = await stored(format, service)
    const [instance] = consuming.shown().instances ?? []
    if (entry === undefined || instance === undefined) throw new Error('the entry has disappeared')
    const lease = { id: entry.lease, ttl: 60, expiresAt: 0, renewals: 0 }
    expect({ key: format.key(instance, lease), value: format.encode(instance) }).toEqual({ key: entry.key, value: entry.value })
    const recorded = (text: string): string => text.replaceAll(service, 'greeter').replaceAll(entry.lease, recordedLease)
    await expect(`${JSON.stringify({ key: recorded(entry.key), value: recorded(entry.value) }, undefined, 2)}\n`).toMatchFileSnapshot(`recordings/${recording}`)

    await process.ask({ do: 'register', service, ...changed, ttl: 60 })
    await consuming.sees(fields(changed))
    await process.ask({ do: 'leave' })
    await consuming.sees()

    await process.ask({ do: 'register', service, ...first, ttl: 3 })
    await consuming.sees(fields(first))
    await process.kill()
    expect(consuming.shown().instances).toHaveLength(1)
    await consuming.sees()
  })

  if (metadata !== undefined)
    it(`rx-discovery reads any metadata that ${name} writes, and writes the same bytes`, async () => {
      const service = aService()
      const process = await started(name, writer)
      // An entry with this name is rejected.
      const allowed = metadata.filter(labels => !Object.hasOwn(labels, '__proto__'))
      const sameBytes = asyncProperty(allowed, async labels => {
        await process.ask({ do: 'register', service, ...first, metadata: labels, ttl: 60 })
        const [entry = { key: '', value: '' }] = await stored(format, service)
        const found = format.decode(entry.key, entry.value, service)
        if (E.isLeft(found) || O.isNone(found.right)) throw new Error(`not read: ${JSON.stringify(found)}`)
        expect(found.right.value.metadata).toEqual(labels)
        expect(format.encode(found.right.value)).toBe(entry.value)
      })
      await check(sameBytes, { numRuns: 100 })
    })

  const title = `%s finds what rx-discovery writes for ${name}: an instance appears, changes, leaves, and expires`
  it.each(Object.entries(followers))(title, async (reader, { command, sees: seen, missesUpdates = false }) => {
    const service = aService()
    const follower = await started(reader, command)
    await follower.ask({ do: 'follow', service })
    await sees(follower, [])

    const instance = new BehaviorSubject<ServiceInstanceInput>({ service, ...fields(first) })
    const registration = register(ours(), instance, { format, throttle: 0 }).subscribe()
    own(registration, it => it.unsubscribe())
    await sees(follower, [seen(service, first)])
    instance.next({ service, ...fields(changed) })
    if (missesUpdates) await expect.poll(() => follower.ask({ do: 'list', service }).then(follower.seen), patience).toEqual([seen(service, changed)])
    else await sees(follower, [seen(service, changed)])
    registration.unsubscribe()
    await sees(follower, [])

    const proxy = own(await faultProxy(etcd()), it => it.close())
    own(register(ours(proxy.endpoint), { service, ...fields(first) }, { format, ttl: 2 }).subscribe(), it => it.unsubscribe())
    await sees(follower, [seen(service, first)])
    // From now on it can neither renew nor revoke its lease.
    proxy.stall()
    await sees(follower, [])
  })
}
