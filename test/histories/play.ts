import { BehaviorSubject, catchError, EMPTY, tap, Subscription, type Observable } from 'rxjs'
import { catalog, Denied, discover, exponential, register, type ReadableRegistry, type Registration, type Registry, type ServiceInstanceInput, type ServiceSet } from 'rx-discovery'
import { memoryRegistry, type MemoryRegistry } from 'rx-discovery/memory'
import { virtually } from 'rx-discovery/testing'
import type { Step } from './steps.js'
import { prefixOf, shown, truthOf, valueOf } from './truth.js'

/** How a history is played. */
export interface PlayOptions {
  readonly seed: number
  /** What discovery sees of the registry. */
  readonly through?: (registry: MemoryRegistry) => ReadableRegistry
  /** What registration sees of it. */
  readonly writing?: (registry: MemoryRegistry) => Registry
  readonly verify?: number
  /** How long it is quiet at the end, ms. */
  readonly quiet?: number
  /** How many further keys there are. */
  readonly ballast?: number
  /** How long it is quiet at the start, ms. */
  readonly warmth?: number
  /** Whether what is discovered must be true all along, not only in the end. */
  readonly always?: boolean
}

/** A source of numbers that is the same for the same seed. */
const seeded = (seed: number) => {
  let state = seed
  return (): number => (state = (state * 1_103_515_245 + 12_345) & 0x7fff_ffff) / 0x8000_0000
}

const noLease = { id: '0', ttl: 0, expiresAt: 0, renewals: 0 }
const me = `${prefixOf('web')}me`
// keys 4 and 5 are of another service, so that transactions reach over both
const keyOf = (key: number): string => `${prefixOf(key < 4 ? 'web' : 'api')}n${key}`

/** Plays a history and returns what went against the laws. */
export const play = (steps: readonly Step[], options: PlayOptions): readonly string[] => {
  const itself = (registry: MemoryRegistry): MemoryRegistry => registry
  const { seed, through = itself, writing = itself, verify = 5_000, quiet = 70_000, ballast = 0, warmth = 0, always = true } = options
  const wrong: string[] = []
  virtually(({ advance, now, pending }) => {
    const registry = memoryRegistry()
    for (let index = 0; index < ballast; index += 1) registry.write(`${prefixOf('web')}ballast${index}`, valueOf(''))
    let asked = 0
    const counted = <A extends readonly unknown[], T>(verb: (...args: A) => T) => (...args: A): T => {
      asked += 1
      return verb(...args)
    }
    const backoff = exponential({ random: seeded(seed) })
    const truth = truthOf(registry, ['web', 'api'])
    const all = new Subscription()
    let rewound = !always

    const used: MemoryRegistry = {
      ...registry,
      list: counted(registry.list),
      watch: counted(registry.watch),
      put: counted((entries, lease) => registry.put(entries, lease).pipe(tap(truth.record))),
    }
    const watched = new Map<string, ServiceSet>()
    const judge = (who: string, set: ServiceSet): void => {
      const before = watched.get(who)
      watched.set(who, set)
      if (before !== undefined && before.status !== 'pending' && set.status === 'pending') wrong.push(`${who}: pending after ${before.status}`)
      if ((set.status === 'live') === (set.trouble !== undefined) && set.status !== 'pending') wrong.push(`${who}: ${set.status}, trouble ${String(set.trouble?.error)}`)
      // before a subscription finds that the history was replaced, it may show the former one
      if (rewound || set.status === 'pending') return
      if (before !== undefined && set.revision < before.revision) wrong.push(`${who}: revision ${set.revision} after ${before.revision}`)
      const there = truth.at(set.service, set.revision)
      if (there !== undefined && shown(set) !== there) wrong.push(`${who}, ${now()} ms, ${set.status} at ${set.revision}: ${shown(set)} | truth: ${there}`)
    }
    const errored = (who: string) => (error: unknown): void => {
      // a refusal is fatal before the first success
      if (error instanceof Denied && watched.get(who)?.status === 'pending') watched.delete(who)
      else wrong.push(`${who} errored: ${String(error)}`)
    }
    const observe = <T>(who: string, source: Observable<T>, next: (value: T) => void): Subscription => {
      const subscription = source.subscribe({ next, error: errored(who), complete: () => wrong.push(`${who} completed`) })
      all.add(subscription)
      return subscription
    }
    observe('plain', discover(through(used), 'web', { backoff, verify }), set => judge('plain', set))
    observe('coalesced', discover(through(used), 'web', { backoff, verify: always ? 0 : verify, coalesce: 100 }), set => judge('coalesced', set))
    observe('catalog', catalog(through(used), { backoff, verify, services: ['web', 'api'] }), sets => {
      for (const [service, set] of sets) if (set !== watched.get(`catalog ${service}`)) judge(`catalog ${service}`, set)
    })
    const visited = discover(through(used), 'api', { backoff, verify, linger: 400 })
    let visitor: Subscription | undefined

    const wish = new BehaviorSubject<ServiceInstanceInput | null>({ service: 'web', id: 'me', address: 'a:1', version: 'w0' })
    const states: Registration[] = []
    let established = false
    let stolen = false
    observe('registration', register(writing(used), wish, { ttl: 5, backoff }), state => {
      states.push(state)
      established ||= state.status === 'registered'
    })
    const keepsOff = (): void => {
      truth.record()
      if (stolen && registry.entries().find(({ key }) => key === me)?.lease !== '0') wrong.push(`${now()} ms: ${me} was taken from its holder`)
    }

    const ends: { readonly at: number; readonly end: () => void }[] = []
    const wait = (ms: number): void => {
      const target = now() + ms
      while (now() < target) {
        advance(Math.min(target, ...ends.map(({ at }) => Math.max(at, now()))) - now())
        for (const due of ends.filter(({ at }) => at <= now())) {
          ends.splice(ends.indexOf(due), 1)
          due.end()
        }
        keepsOff()
      }
    }
    const take = (step: Step): void => {
      switch (step.does) {
        case 'put':
          registry.write(keyOf(step.key), valueOf(`v${step.version}`))
          break
        case 'delete':
          registry.write(keyOf(step.key), null)
          break
        case 'transact': {
          const revisions = new Map(registry.entries().map(({ key, revision }) => [key, revision]))
          const entries = step.keys.map(keyOf).map(key => ({ key, value: step.version === 0 ? null : valueOf(`t${step.version}`), expect: revisions.get(key) ?? 0 }))
          all.add(registry.put(entries, noLease).pipe(tap(truth.record), catchError(() => EMPTY)).subscribe())
          break
        }
        case 'wish':
          wish.next(step.version === 0 ? null : { service: 'web', id: step.version === 3 ? 'me2' : 'me', address: 'a:1', version: `w${step.version}` })
          break
        case 'steal':
          registry.write(me, valueOf('stolen'))
          // at the start a registration may take a key over, once
          stolen = established && !rewound
          break
        case 'remove':
          stolen = false
          registry.write(me, null)
          break
        case 'visit':
          if (visitor === undefined) visitor = observe('visitor', visited, set => judge('visitor', set))
          else {
            visitor.unsubscribe()
            visitor = undefined
            watched.delete('visitor')
          }
          break
        case 'wait':
          wait(step.ms)
          break
        case 'interrupt':
          registry.interrupt(step.ms)
          break
        case 'freeze':
        case 'lag':
        case 'deny':
          ends.push({ at: now() + step.ms, end: registry[step.does]() })
          break
        case 'expire': {
          const leases = registry.leases()
          registry.expire(leases[step.which % leases.length] ?? '0')
          break
        }
        case 'rewind':
          rewound = true
          stolen = false
          registry.rewind(Math.max(1, registry.revision() - step.by))
          break
        case 'compact':
        case 'loseGrant':
          registry[step.does]()
      }
      keepsOff()
    }
    truth.record()
    wait(warmth)
    steps.forEach(take)
    wait(quiet)
    const before = asked
    wait(10_000)
    if (asked > before) wrong.push(`no rest: ${asked - before} calls in the end`)

    for (const [who, set] of watched)
      if (set.status !== 'live' || shown(set) !== truth.now(set.service)) 
        wrong.push(`in the end ${who} ${set.status} ${shown(set)} | truth: ${truth.now(set.service)}`)
    const wished = wish.value
    const holder = registry.entries().find(({ key }) => key === prefixOf('web') + String(wished?.id))?.lease
    const expected = wished === null ? 'withdrawn' : holder === '0' ? 'taken' : 'registered'
    if (states.at(-1)?.status !== expected) wrong.push(`in the end ${JSON.stringify(states.at(-1))}, not ${expected}`)
    if (expected === 'registered' && !truth.now('web').split(' ').includes(`${String(wished?.id)}@${String(wished?.version)}`)) wrong.push(`not registered: ${truth.now('web')}`)
    const ghosts = registry.entries().filter(({ key, lease }) => lease !== '0' && key !== prefixOf('web') + String(wished?.id))
    // a replaced history may bring back what was withdrawn; and who stands down before a new key writes nothing, not even to delete the old one
    if (ghosts.length > 0 && !rewound && expected !== 'taken') wrong.push(`ghosts: ${ghosts.map(({ key }) => key).join(' ')}`)
    if (registry.leases().length > 1) wrong.push(`${registry.leases().length} leases for one registration`)

    all.unsubscribe()
    wait(10_000)
    const left = { ...registry.subscriptions(), held: registry.leases().length, keys: registry.entries().filter(({ lease }) => lease !== '0').length, timers: pending() }
    if (Object.values(left).some(count => count > 0)) wrong.push(`left behind: ${JSON.stringify(left)}`)
  })
  return wrong
}
