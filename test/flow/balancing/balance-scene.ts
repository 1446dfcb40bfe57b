import { map, NEVER, throwError, timer, type Observable } from 'rxjs'
import { balance, roundRobin, serviceInstance, serviceSet, type Balancer, type BalanceOptions, type InstanceState, type Policy, type ServiceInstance, type ServiceInstanceInput, type ServiceSet } from 'rx-discovery'
import { see } from '../scene.js'

/** An instance of a test; its address is its id. */
export const node = (id: string, more: Partial<ServiceInstanceInput> = {}): ServiceInstance => serviceInstance({ service: 'web', id, address: `${id}:80`, ...more })

/** A live set of these instances. */
export const nodes = (...all: readonly (string | ServiceInstance)[]): ServiceSet => serviceSet('web', all.map(each => (typeof each === 'string' ? node(each) : each)))

/** A balancer by round robin that starts at the first instance. */
export const inTurn = (sets: Observable<ServiceSet>, options: BalanceOptions = {}): Balancer => balance(sets, roundRobin(), { random: () => 0, ...options })

/** The current `state$` of a balancer. */
export const statesOf = (balancer: Balancer): ReadonlyMap<string, InstanceState> => {
  const { last, stop } = see(balancer.state$)
  stop()
  return last()
}

/** Calls in flight, by id. */
export const inFlight = (balancer: Balancer): Record<string, number> => Object.fromEntries([...statesOf(balancer)].map(([id, state]) => [id, state.inFlight]))

/** The id of the next choice. */
export const chosen = (balancer: Balancer, key?: string): string | undefined => {
  const seen = see(balancer.select(key === undefined ? {} : { key }))
  seen.stop()
  if (seen.error !== undefined) throw seen.error as Error
  return seen.values[0]?.id
}

/** Answers with the id after so many ms. */
export const answering = (ms: number) => ({ id }: ServiceInstance): Observable<string> => timer(ms).pipe(map(() => id))

/** Fails after so many ms, or at once. */
export const failing = (ms = 0): Observable<never> => (ms === 0 ? throwError(() => new Error('down')) : timer(ms).pipe(map(() => { throw new Error('down') })))

/** Never answers. */
export const silent = (): Observable<never> => NEVER

/** A policy that always chooses one index. */
export const always = (index: number | undefined): Policy<null> => ({ initial: null, choose: (_, state) => [index, state] })
