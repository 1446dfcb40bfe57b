import * as t from 'io-ts'
import { of, type Observable } from 'rxjs'
import { describe, expectTypeOf, it } from 'vitest'
import {
  balance,
  catalog,
  changes,
  consistentHash,
  discover,
  history,
  known,
  leastRequest,
  native,
  type NativeOptions,
  peakEwma,
  plain,
  probe,
  protect,
  random,
  register,
  roundRobin,
  serviceSet,
  slowStart,
  subset,
  weightedRoundRobin,
  where,
  zoneAware,
  type Balancer,
  type Call,
  type Format,
  type InstanceChange,
  type MetadataOf,
  type InstanceState,
  type NoMetadata,
  type Policy,
  type Probe,
  type ProtectOptions,
  type ReadableRegistry,
  type Registration,
  type ServiceInstance,
  type ServiceSet,
} from 'rx-discovery'
import type * as index from 'rx-discovery'
import { grpcProbe } from 'rx-discovery/grpc'
import { memoryRegistry } from 'rx-discovery/memory'
import { httpProbe, tcpProbe } from 'rx-discovery/probe'

interface Meta {
  readonly rack: string
}
const registry = memoryRegistry()
const typed = native({ metadata: t.type({ rack: t.string }) })
const rackFormat = native({ metadata: t.readonly(t.type({ rack: t.string })) })

describe('metadata is inferred from the format', () => {
  it('of one format', () => {
    expectTypeOf(typed).toEqualTypeOf<Format<{ rack: string }>>()
    expectTypeOf(native({ prefix: '/apps' })).toEqualTypeOf<Format>()
    // @ts-expect-error what no codec checks has no type
    native<Meta>()
    // @ts-expect-error there may be no codec, and then there is no type
    expectTypeOf((options: NativeOptions<Meta>) => native(options)).toBeFunction()
    expectTypeOf(discover(registry, 'web', { format: typed })).toEqualTypeOf<Observable<ServiceSet<{ rack: string }>>>()
    expectTypeOf(discover(registry, 'web', { format: plain() })).toEqualTypeOf<Observable<ServiceSet<NoMetadata>>>()
    expectTypeOf(discover(registry, 'web')).toEqualTypeOf<Observable<ServiceSet>>()
  })
  it('of several formats', () => {
    const both = [typed, plain()] as const
    expectTypeOf<MetadataOf<typeof both>>().toEqualTypeOf<{ rack: string } | NoMetadata>()
    expectTypeOf(discover(registry, 'web', { format: both })).toEqualTypeOf<Observable<ServiceSet<{ rack: string } | NoMetadata>>>()
    discover(registry, 'web', { format: [typed, plain()] })
  })
  it('of a catalog', () => {
    expectTypeOf(catalog(registry, { format: typed })).toEqualTypeOf<Observable<ReadonlyMap<string, ServiceSet<{ rack: string }>>>>()
  })
  it('of a history', () => {
    expectTypeOf(history(registry, 'web', { from: 1, format: typed })).toEqualTypeOf<Observable<ServiceSet<{ rack: string }>>>()
    expectTypeOf(history(registry, 'web', { from: 1, format: [typed, plain()] })).toEqualTypeOf<Observable<ServiceSet<{ rack: string } | NoMetadata>>>()
    expectTypeOf(history(registry, 'web', { from: 1 })).toEqualTypeOf<Observable<ServiceSet>>()
    // @ts-expect-error it begins somewhere
    history(registry, 'web', {})
  })
  it('and asked of the instance', () => {
    expectTypeOf(register(registry, { service: 'web', address: 'a:1', metadata: { rack: 'r1' } }, { format: typed })).toEqualTypeOf<Observable<Registration>>()
    // @ts-expect-error the format says what its metadata is, the instance does not
    register(registry, { service: 'web', address: 'a:1', metadata: { rack: 1 } }, { format: typed })
    // @ts-expect-error an address is needed
    register(registry, { service: 'web' })
  })
})

describe('what register takes', () => {
  it('is an Observable of instances and null too, of the same metadata', () => {
    const one = { service: 'web', address: 'a:1', metadata: { rack: 'r1' } }
    register(registry, of(one, null), { format: typed })
    // @ts-expect-error the metadata of the format, also inside an Observable
    register(registry, of({ ...one, metadata: { rack: 1 } }), { format: typed })
    // @ts-expect-error health tells statuses, and only those
    register(registry, one, { format: typed, health: of('well') })
    register(registry, one, { format: typed, health: of('up' as const), until: Promise.resolve() })
  })
  it('is a registry that can write; discovery is content with one that reads', () => {
    const readable: ReadableRegistry = registry
    discover(readable, 'web')
    // @ts-expect-error it cannot be written to
    register(readable, { service: 'web', address: 'a:1' })
  })
})

describe('the public names', () => {
  it('are these values, listed by hand', () => {
    type Verbs = 'register' | 'discover' | 'history' | 'catalog' | 'record' | 'balance'
    type Operators = 'known' | 'changes' | 'where' | 'leased' | 'probe' | 'protect' | 'subset'
    type Policies = 'roundRobin' | 'random' | 'weightedRoundRobin' | 'leastRequest' | 'peakEwma' | 'consistentHash' | 'zoneAware' | 'slowStart'
    type Makers = 'poll' | 'native' | 'plain' | 'jsonFormat' | 'exponential' | 'serviceInstance' | 'serviceSet'
    type Errors = 'Closed' | 'Compacted' | 'Denied' | 'Disconnected' | 'Diverged' | 'InvalidArgument' | 'Lagging' | 'LeaseLost' | 'NoInstance' | 'Rewound' | 'Taken'
    expectTypeOf<keyof typeof index>().toEqualTypeOf<Verbs | Operators | Policies | Makers | Errors>()
  })
})

describe('operators keep it', () => {
  const web$ = discover(registry, 'web', { format: rackFormat })
  it('known and where', () => {
    expectTypeOf(web$.pipe(known(), where(({ metadata }) => metadata.rack === 'r1'))).toEqualTypeOf<Observable<ServiceSet<Meta>>>()
  })
  it('protect', () => {
    expectTypeOf(web$.pipe(protect())).toEqualTypeOf<Observable<ServiceSet<Meta>>>()
    expectTypeOf(web$.pipe(protect({ grace: 1_000, maxLoss: 0.5 }), where(({ metadata }) => metadata.rack === 'r1'), changes())).toEqualTypeOf<
      Observable<readonly InstanceChange<Meta>[]>
    >()
    expectTypeOf<Parameters<typeof protect>[0]>().toEqualTypeOf<ProtectOptions | undefined>()
    // @ts-expect-error it stands on sets, not on changes
    web$.pipe(changes(), protect())
    // @ts-expect-error a share is a number
    protect({ maxLoss: '25%' })
  })
  it('subset, which is told a size', () => {
    expectTypeOf(web$.pipe(subset({ size: 20, seed: 'me' }))).toEqualTypeOf<Observable<ServiceSet<Meta>>>()
    // @ts-expect-error how many must be said
    subset({ seed: 1 })
    // @ts-expect-error a seed is a text or a number
    subset({ size: 1, seed: {} })
  })
  it('probe, whose check is handed the metadata', () => {
    expectTypeOf(web$.pipe(probe(({ metadata }) => of(metadata.rack)))).toEqualTypeOf<Observable<ServiceSet<Meta>>>()
    const mine: Probe<Meta> = ({ metadata }) => Promise.resolve(metadata.rack)
    expectTypeOf(web$.pipe(probe(mine, { rise: 1 }))).toEqualTypeOf<Observable<ServiceSet<Meta>>>()
    // @ts-expect-error a check answers by something to wait for
    web$.pipe(probe(() => true))
    // @ts-expect-error these sets promise no rack
    discover(registry, 'web').pipe(probe(mine))
  })
  it('probe with the checks that are ready made', () => {
    expectTypeOf(web$.pipe(probe(tcpProbe()))).toEqualTypeOf<Observable<ServiceSet<Meta>>>()
    expectTypeOf(web$.pipe(probe(httpProbe({ path: '/health' }), {}))).toEqualTypeOf<Observable<ServiceSet<Meta>>>()
    expectTypeOf(web$.pipe(probe(grpcProbe({ service: 'web' })))).toEqualTypeOf<Observable<ServiceSet<Meta>>>()
  })
  it('changes', () => {
    expectTypeOf(web$.pipe(changes())).toEqualTypeOf<Observable<readonly InstanceChange<Meta>[]>>()
  })
})

describe('nothing can be changed', () => {
  it('of a set', () => {
    const set = serviceSet('web')
    // @ts-expect-error it is read-only
    set.status = 'live'
    // @ts-expect-error no such method: a set never changes
    set.toArray().push(1 as never)
    // @ts-expect-error no such method: a set never changes
    set.rejected.delete('x')
  })
  it('of an instance', () => {
    const change = (instance: ServiceInstance): void => {
      // @ts-expect-error it is read-only
      instance.weight = 2
      // @ts-expect-error it is read-only
      instance.tags.push('a')
      // @ts-expect-error it is read-only
      instance.endpoints['http'] = 'x'
    }
    expectTypeOf(change).toBeFunction()
  })
})

describe('formats', () => {
  it('are invariant: one that writes Meta is none that writes anything', () => {
    // @ts-expect-error it could be handed an instance without a rack
    const any: Format = typed
    expectTypeOf(any).toEqualTypeOf<Format>()
  })
})

describe('registrations', () => {
  it('say by their status what they carry', () => {
    const states = (state: Registration): void => {
      if (state.status === 'lost') expectTypeOf(state.cause).toEqualTypeOf<Error>()
      if (state.status === 'registered') expectTypeOf(state.expiresAt).toEqualTypeOf<number>()
      // @ts-expect-error only of a registered or draining one
      if (state.status === 'taken') expectTypeOf(state.leaseId).toBeString()
    }
    expectTypeOf(states).toBeFunction()
  })
})

describe('balancing', () => {
  const web = balance(discover(registry, 'web', { format: rackFormat }), roundRobin())
  it('hands over instances of the metadata that was discovered', () => {
    expectTypeOf(web).toEqualTypeOf<Balancer<Meta>>()
    expectTypeOf(web.select()).toEqualTypeOf<Observable<ServiceInstance<Meta>>>()
    expectTypeOf(web.use(({ metadata }, signal) => of([metadata.rack, signal.aborted] as const))).toEqualTypeOf<Observable<readonly [string, boolean]>>()
    expectTypeOf(web.use(async ({ metadata }) => Promise.resolve(metadata.rack.length), { latency: 'complete', timeout: 100, key: 'k' })).toEqualTypeOf<Observable<number>>()
    expectTypeOf(web.state$).toEqualTypeOf<Observable<ReadonlyMap<string, InstanceState>>>()
  })
  it('infers the value of a call as switchMap does', () => {
    const either = (instance: ServiceInstance<Meta>) => (instance.id === 'a' ? of(1) : Promise.resolve('one'))
    expectTypeOf(web.use(either)).toEqualTypeOf<Observable<number | string>>()
    expectTypeOf(web.use(() => [1, 2])).toEqualTypeOf<Observable<number>>()
    const call: Call<Meta, string> = ({ id }) => of(id)
    expectTypeOf(web.use(call)).toEqualTypeOf<Observable<string>>()
  })
  it('takes a policy as a Policy, unions of policies, and options that are undefined', () => {
    const flag = Math.random() < 0.5
    const policies: readonly Policy[] = [peakEwma(), roundRobin(), weightedRoundRobin(), random(), leastRequest(), consistentHash(), zoneAware(peakEwma()), slowStart(roundRobin())]
    const sets$ = discover(registry, 'web')
    for (const policy of policies) expectTypeOf(balance(sets$, policy)).toEqualTypeOf<Balancer>()
    balance(sets$, flag ? peakEwma() : roundRobin())
    balance(sets$, slowStart(flag ? peakEwma() : leastRequest()))
    balance(sets$, peakEwma({ decay: undefined }), { failed: undefined, outliers: { consecutive: undefined }, zone: undefined, retryBudget: { share: undefined }, linger: undefined })
    web.use(() => of(1), { key: undefined, timeout: undefined, deadline: undefined, retries: undefined, retryable: undefined, signal: undefined, latency: undefined })
    web.select({ key: undefined })
  })
  it('takes keys that are strings, and calls that answer', () => {
    // @ts-expect-error a key is a string
    web.select({ key: 1 })
    // @ts-expect-error a call is something to subscribe to
    web.use(() => 1)
    // @ts-expect-error the latency is one of two
    web.use(() => of(1), { latency: 'last' })
  })
  it('takes a policy of one’s own in few lines, which sees the metadata', () => {
    const own: Policy<number, Meta> = {
      initial: 0,
      choose: ({ at }, state) => [at(0)?.instance.metadata.rack === 'r1' ? 0 : undefined, state + 1],
      learn: (state, { candidate, result }) => (result === 'failure' && candidate.instance.metadata.rack === 'r1' ? state : state + 1),
    }
    const racks$ = discover(registry, 'web', { format: rackFormat })
    balance(racks$, own)
    balance(racks$, zoneAware(slowStart(own)), { zone: 'z1' })
    balance(racks$, slowStart(zoneAware(peakEwma())))
    // @ts-expect-error its metadata is not what these sets hold
    balance(discover(registry, 'web', { format: plain() }), own)
    // @ts-expect-error the state it gives back is the state it takes
    const broken: Policy<number> = { initial: 0, choose: (_, state) => [0, String(state)] }
    expectTypeOf(broken).toEqualTypeOf<Policy<number>>()
  })
})
