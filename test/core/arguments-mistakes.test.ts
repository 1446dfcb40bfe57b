import { isObservable, of, type Observable } from 'rxjs'
import { describe, expect, it } from 'vitest'
import * as all from 'rx-discovery'
import { exponential, InvalidArgument, native, plain, probe, protect, roundRobin, serviceInstance, serviceSet, subset, where, type Balancer } from 'rx-discovery'
import { memoryRegistry } from '../../src/edge/memory/index.js'
import { grpcProbe } from '../../src/edge/grpc/index.js'
import { httpProbe, tcpProbe } from '../../src/edge/probe/index.js'

/** The functions as JavaScript sees them: they take anything. */
type Untyped = Readonly<Record<'register' | 'discover' | 'catalog', (...given: readonly unknown[]) => unknown>>
const { register: registers, discover: discovers, catalog: catalogs } = all as unknown as Untyped
const balances = all.balance as unknown as (...given: readonly unknown[]) => Balancer

const registry = memoryRegistry()
const web = { service: 'web', address: 'localhost:8000' }
const sets = of(serviceSet('web', [serviceInstance(web)]))

/** The message with which a verb errors. It must not throw, and it must error as it is subscribed to. */
const messageOf = (verb: () => unknown): string => {
  const made = verb()
  if (!isObservable(made)) throw new Error('the verb did not return an Observable')
  let error: unknown = new Error('the verb did not error')
  made.subscribe({ error: (thrown: unknown) => (error = thrown) }).unsubscribe()
  return String(error)
}

const through = (operator: unknown): Observable<unknown> => sets.pipe(operator as never)

const registryText = 'InvalidArgument: registry must be a registry that can be written, such as etcdRegistry({ hosts }), got'
const readableText = 'InvalidArgument: registry must be a registry, such as etcdRegistry({ hosts }), got'
const formatText = 'InvalidArgument: format must be a format, such as native(), or a list of at least one, got'
const registerOptions = '{ ttl, format, health, until, drain, endWithin, onTaken, throttle, override, backoff, random }'

const mistakes: Readonly<Record<string, readonly (readonly [() => unknown, string])[]>> = {
  register: [
    [() => registers(), `${registryText} undefined (see register(registry, instance, options))`],
    [() => registers(memoryRegistry, web), `${registryText} the function memoryRegistry (call it: memoryRegistry())`],
    [() => registers(web, registry), `${registryText} { service, address } (registry and instance are swapped: register(registry, instance, options))`],
    [() => registers('http://localhost:2379', web), `${registryText} "http://localhost:2379" (see register(registry, instance, options))`],
    [() => registers(Promise.resolve(registry), web), `${registryText} a Promise (see register(registry, instance, options))`],
    [() => registers(registry), 'InvalidArgument: instance must be an instance, such as { service, address }, or an Observable of instances, got undefined (see register(registry, instance, options))'],
    [() => registers(registry, 'web'), 'InvalidArgument: instance must be an instance, such as { service, address }, or an Observable of instances, got "web" (see register(registry, instance, options))'],
    [() => registers(registry, () => web), 'InvalidArgument: instance must be an instance, such as { service, address }, or an Observable of instances, got a function (call it: factory())'],
    [() => registers(registry, { service: 'web' }), 'InvalidArgument: address must be a string, host:port, got undefined'],
    [() => registers(registry, { ...web, address: 'localhost' }), 'InvalidArgument: address must be host:port, got "localhost" (add a port, e.g. "localhost:8000")'],
    [() => registers(registry, { ...web, metadata: { since: new Date(0) } }), 'InvalidArgument: metadata.since must be plain JSON, got a Date (write toISOString())'],
    [() => registers(registry, web, null), `InvalidArgument: options must be an object of options, got null (register takes them by name: ${registerOptions})`],
    [() => registers(registry, web, 10), `InvalidArgument: options must be an object of options, got 10 (register takes them by name: ${registerOptions})`],
    [() => registers(registry, web, { TTL: 5 }), 'InvalidArgument: TTL is not an option of register (did you mean ttl?)'],
    [() => registers(registry, web, { heath: of('up') }), 'InvalidArgument: heath is not an option of register (did you mean health?)'],
    [() => registers(registry, web, { on_taken: 'fail' }), 'InvalidArgument: on_taken is not an option of register (did you mean onTaken?)'],
    [() => registers(registry, web, { colour: 1 }), `InvalidArgument: colour is not an option of register (there are ${registerOptions.slice(2, -2)})`],
    [() => registers(registry, web, { ttl: '10' }), 'InvalidArgument: ttl must be a whole number of seconds from 1 to 9000000000, got "10"'],
    [() => registers(registry, web, { ttl: null }), 'InvalidArgument: ttl must be an object of options, got null (ttl takes them by name: { seconds })'],
    [() => registers(registry, web, { onTaken: 'error' }), 'InvalidArgument: onTaken must be "wait", "replace" or "fail", got "error"'],
    [() => registers(registry, web, { health: () => of('up') }), 'InvalidArgument: health must be an Observable, got the function health (call it, or wrap it: defer(f))'],
    [() => registers(registry, web, { health: 'up' }), 'InvalidArgument: health must be an Observable, got "up"'],
    [() => registers(registry, web, { until: () => of(1) }), 'InvalidArgument: until must be an Observable or a Promise, got the function until (call it, or wrap it: defer(f))'],
    [() => registers(registry, web, { until: 'SIGTERM' }), 'InvalidArgument: until must be an Observable or a Promise, got "SIGTERM"'],
    [() => registers(registry, web, { drain: -1 }), 'InvalidArgument: drain must be a number of milliseconds from 0 to 2147483647, got -1'],
    [() => registers(registry, web, { format: native }), `${formatText} the function native (call it: native())`],
    [() => registers(registry, web, { format: [] }), `${formatText} []`],
    [() => registers(registry, web, { format: [plain(), native] }), 'InvalidArgument: format.1 must be a format, such as native(), got the function native (call it: native())'],
    [() => registers(registry, web, { backoff: exponential }), 'InvalidArgument: backoff must be a backoff, such as exponential(), got the function exponential (call it: exponential())'],
    [() => registers(registry, web, { random: 0.5 }), 'InvalidArgument: random must be a function that returns a number in [0, 1), got 0.5'],
  ],
  discover: [
    [() => discovers(memoryRegistry, 'web'), `${readableText} the function memoryRegistry (call it: memoryRegistry())`],
    [() => discovers('web', registry), `${readableText} "web" (registry and service are swapped: discover(registry, service, options))`],
    [() => discovers({ hosts: 'localhost:2379' }, 'web'), `${readableText} { hosts } (see discover(registry, service, options))`],
    [() => discovers(registry), 'InvalidArgument: service must be a string, got undefined (see discover(registry, service, options))'],
    [() => discovers(registry, ['web']), 'InvalidArgument: service must be a string, got ["web"] (see discover(registry, service, options))'],
    [() => discovers(registry, 'web/'), 'InvalidArgument: service must not have a segment that is empty, "." or "..", got "web/" (write foo/bar, without a "/" at either end)'],
    [() => discovers(registry, 'web', null), 'InvalidArgument: options must be an object of options, got null (discover takes them by name: { format, backoff, coalesce, linger, verify, local, initial })'],
    [() => discovers(registry, 'web', native()), 'InvalidArgument: name is not an option of discover (there are format, backoff, coalesce, linger, verify, local, initial)'],
    [() => discovers(registry, 'web', { formats: native() }), 'InvalidArgument: formats is not an option of discover (did you mean format?)'],
    [() => discovers(registry, 'web', { lingerMs: 5 }), 'InvalidArgument: lingerMs is not an option of discover (did you mean linger?)'],
    [() => discovers(registry, 'web', { linger: '5s' }), 'InvalidArgument: linger must be a number of milliseconds from 0 to 2147483647, got "5s"'],
    [() => discovers(registry, 'web', { linger: Infinity }), 'InvalidArgument: linger must be a number of milliseconds from 0 to 2147483647, got Infinity'],
    [() => discovers(registry, 'web', { verify: false }), 'InvalidArgument: verify must be a number of milliseconds from 0 to 2147483647, got false'],
    [() => discovers(registry, 'web', { format: 'native' }), `${formatText} "native"`],
    [() => discovers(registry, 'web', { format: null }), `${formatText} null`],
    [() => discovers(registry, 'web', { format: [native(), native()] }), 'InvalidArgument: format must have different prefixes for different formats, got "/rx-discovery/web/" (two of them would read the same keys)'],
    [() => discovers(registry, 'web', { backoff: 50 }), 'InvalidArgument: backoff must be a backoff, such as exponential(), got 50'],
  ],
  catalog: [
    [() => catalogs(memoryRegistry), `${readableText} the function memoryRegistry (call it: memoryRegistry())`],
    [() => catalogs(registry, ['web']), 'InvalidArgument: options must be an object of options, got ["web"] (catalog takes them by name: { services, format, backoff, coalesce, linger, verify, local })'],
    [() => catalogs(registry, 'web'), 'InvalidArgument: options must be an object of options, got "web" (catalog takes them by name: { services, format, backoff, coalesce, linger, verify, local })'],
    [() => catalogs(registry, null), 'InvalidArgument: options must be an object of options, got null (catalog takes them by name: { services, format, backoff, coalesce, linger, verify, local })'],
    [() => catalogs(registry, { service: ['web'] }), 'InvalidArgument: service is not an option of catalog (did you mean services?)'],
    [() => catalogs(registry, { services: 'web' }), "InvalidArgument: services must be a list of service names, such as ['web'], got \"web\""],
    [() => catalogs(registry, { services: ['web', ''] }), 'InvalidArgument: services.1 must not be empty, got ""'],
    [() => catalogs(registry, { format: plain() }), "InvalidArgument: services must be named, such as ['web'], since the format has no root under which all services lie"],
  ],
  operators: [
    [() => through(where(undefined as never)), 'InvalidArgument: predicate must be a function, such as ({ zone }) => zone === "eu-1", got undefined (see where(predicate))'],
    [() => through(where({ zone: 'a' } as never)), 'InvalidArgument: predicate must be a function, such as ({ zone }) => zone === "eu-1", got { zone } (see where(predicate))'],
    [() => through(protect(null as never)), 'InvalidArgument: options must be an object of options, got null (protect takes them by name: { grace, maxLoss })'],
    [() => through(protect(30_000 as never)), 'InvalidArgument: options must be an object of options, got 30000 (protect takes them by name: { grace, maxLoss })'],
    [() => through(protect({ maxloss: 0.5 } as never)), 'InvalidArgument: maxloss is not an option of protect (did you mean maxLoss?)'],
    [() => through(protect({ maxLoss: 25 })), 'InvalidArgument: maxLoss must be a number from 0 to 1, got 25 (25 % is 0.25)'],
    [() => through(protect({ grace: '30s' } as never)), 'InvalidArgument: grace must be a number of milliseconds from 0 to 2147483647, got "30s"'],
    [() => through((subset as unknown as () => unknown)()), 'InvalidArgument: options must be an object of options, got undefined (subset takes them by name: { size, seed, random })'],
    [() => through(subset(20 as never)), 'InvalidArgument: options must be an object of options, got 20 (subset takes them by name: { size, seed, random })'],
    [() => through(subset({} as never)), 'InvalidArgument: size must be a whole number, 1 or more, got undefined'],
    [() => through(subset({ size: 2, seed: null as never })), 'InvalidArgument: seed must be a string or a number, got null'],
    [() => through(probe(undefined as never)), 'InvalidArgument: check must be a check, such as httpProbe() or instance => an Observable, got undefined (see probe(check, options))'],
    [() => through(probe(httpProbe as never)), 'InvalidArgument: check must be a check, such as httpProbe() or instance => an Observable, got the function httpProbe (call it: httpProbe())'],
    [() => through(probe(tcpProbe as never)), 'InvalidArgument: check must be a check, such as httpProbe() or instance => an Observable, got the function tcpProbe (call it: tcpProbe())'],
    [() => through(probe(grpcProbe as never)), 'InvalidArgument: check must be a check, such as httpProbe() or instance => an Observable, got the function grpcProbe (call it: grpcProbe())'],
    [() => through(probe({ path: '/health' } as never)), 'InvalidArgument: check must be a check, such as httpProbe() or instance => an Observable, got { path } (see probe(check, options))'],
    [() => through(probe(() => of(1), null as never)), 'InvalidArgument: options must be an object of options, got null (probe takes them by name: { rise, fall, interval, timeout, jitter, concurrency, random })'],
    [() => through(probe(() => of(1), { timeoutMs: 5 } as never)), 'InvalidArgument: timeoutMs is not an option of probe (did you mean timeout?)'],
    [() => through(probe(() => of(1), { jitter: 10 })), 'InvalidArgument: jitter must be a number from 0 to 1, got 10 (10 % is 0.1)'],
    [() => through(probe(() => of(1), { interval: 0 })), 'InvalidArgument: interval must be a whole number of milliseconds from 1 to 2147483647, got 0'],
  ],
  balance: [
    [() => balances(registry, roundRobin()).state$, 'InvalidArgument: set$ must be an Observable of sets, such as discover(registry, service), got { list, check, remaining, … } (a registry is none: discover(registry, service) is one)'],
    [() => balances(roundRobin(), sets).select(), 'InvalidArgument: set$ must be an Observable of sets, such as discover(registry, service), got { initial, choose } (set$ and policy are swapped: balance(set$, policy, options))'],
    [() => balances(sets).state$, 'InvalidArgument: policy must be a policy, such as roundRobin(), and its decay a number of milliseconds, got undefined (see balance(set$, policy, options))'],
    [() => balances(sets, roundRobin).state$, 'InvalidArgument: policy must be a policy, such as roundRobin(), and its decay a number of milliseconds, got the function roundRobin (call it: roundRobin())'],
    [() => balances(sets, roundRobin(), { timeout: 5 }).state$, 'InvalidArgument: timeout is not an option of balance (there are failed, outliers, panic, zone, wait, linger, retryBudget, random)'],
    [() => balances(sets, roundRobin(), null).state$, 'InvalidArgument: options must be an object of options, got null (balance takes them by name: { failed, outliers, panic, zone, wait, linger, retryBudget, random })'],
    [() => balances(sets, roundRobin()).use(() => of(1), { timeoutMs: 5 } as never), 'InvalidArgument: timeoutMs is not an option of use (did you mean timeout?)'],
    [() => balances(sets, roundRobin()).use(() => of(1), { signal: new AbortController() } as never), 'InvalidArgument: signal must be an AbortSignal, got an AbortController (pass controller.signal)'],
    [() => balances(sets, roundRobin()).use(undefined as never), 'InvalidArgument: call must be a function of an instance, such as instance => fetch(url), got undefined'],
  ],
}

describe.each(Object.entries(mistakes))('a mistake with %s', (_, rows) => {
  it.each(rows.map(([verb, message]) => [message, verb] as const))('errors at subscribe time: %s', (message, verb) => {
    expect(messageOf(verb)).toBe(message)
  })
})

describe('a mistake with a factory', () => {
  it.each<readonly [string, () => unknown]>([
    ['options must be an object of options, got null (native takes them by name: { prefix, metadata })', () => native(null as never)],
    ['perfix is not an option of native (there are prefix, metadata)', () => native({ perfix: '/a' } as never)],
    ['options must be an object of options, got null (exponential takes them by name: { first, factor, max, jitter, settle, random })', () => exponential(null as never)],
    ['jitter must be "full" or "none", got 0.1', () => exponential({ jitter: 0.1 as never })],
    ['maximum is not an option of exponential (did you mean max?)', () => exponential({ maximum: 5 } as never)],
    ['options must be an object of options, got "/health" (httpProbe takes them by name: { path, endpoint, scheme, method, headers, passes })', () => httpProbe('/health' as never)],
    ['scheme must be "http" or "https", got "tcp"', () => httpProbe({ scheme: 'tcp' as never })],
    ['headers must be an object of strings, got { authorization }', () => httpProbe({ headers: { authorization: 7 as never } })],
    ['port is not an option of tcpProbe (there are endpoint)', () => tcpProbe({ port: 1 } as never)],
    ['credentials must be ChannelCredentials of @grpc/grpc-js, got an object (such as credentials.createSsl())', () => grpcProbe({ credentials: {} as never })],
    ['service must be a string, got { service, address } (see serviceSet(service, instances, options))', () => serviceSet(web as never)],
    ['service must be a string, got [] (service and instances are swapped: serviceSet(service, instances, options))', () => serviceSet([] as never, 'web' as never)],
    ['instances must be a list of instances, got { service, address } (see serviceSet(service, instances, options))', () => serviceSet('web', web as never)],
    ['instances.0 must be an instance, such as serviceInstance({ service, address }), got { service, address }', () => serviceSet('web', [web as never])],
    ['statuz is not an option of serviceSet (did you mean status?)', () => serviceSet('web', [], { statuz: 'live' } as never)],
    ['must be an object with service and address', () => serviceInstance(undefined as never)],
  ])('throws: %s', (message, make) => {
    let thrown: unknown
    try {
      make()
    } catch (error) {
      thrown = error
    }
    expect(thrown).toBeInstanceOf(InvalidArgument)
    expect((thrown as Error).message).toContain(message)
  })
})
