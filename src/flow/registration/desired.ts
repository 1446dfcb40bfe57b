import { either as E } from 'fp-ts'
import { from, isObservable, map, type Observable, type Subscriber } from 'rxjs'
import type { Format } from '../../core/formats/format.js'
import { InvalidArgument } from '../../core/errors.js'
import { isStatus, validInstance, type ServiceInstance, type ServiceInstanceInput, type Status } from '../../core/instance/instance.js'
import { textOf, toError } from '../../core/errors.js'
import { wishOf, type Health, type Wish } from '../../core/register/wish.js'
import { nothing, subscribeWithin } from '../subscribe-within.js'

/** What the wishes of a registration are made of. */
export interface WishesOptions {
  readonly formats: readonly Format[]
  readonly instance: ServiceInstanceInput | Observable<ServiceInstanceInput | null>
  readonly health: Observable<Status> | undefined
  /** The incarnation of an instance that has none. */
  readonly incarnation: string
}

const validated = (input: ServiceInstanceInput | null, incarnation: string): ServiceInstance | null => {
  if (input === null) return null
  const valid = validInstance(Object(input) === input ? { ...input, incarnation: input.incarnation || incarnation } : input)
  if (E.isLeft(valid)) throw valid.left
  return valid.right
}

/** Tells each wish from now on; the returned function has them draining. An error of the health check is `down`, one of the instance the end. */
export const wishes = (subscriber: Subscriber<unknown>, { formats, instance, health, incarnation }: WishesOptions, wished: (wish: Wish) => void): (() => void) => {
  let valid: ServiceInstance | null | undefined
  let heard: Health = health === undefined ? {} : { status: 'starting' }
  let draining = false
  const renew = (): void => {
    if (valid !== undefined) wished(wishOf(formats, valid, heard, draining))
  }
  const become = (now: ServiceInstance | null): void => {
    valid = now
    renew()
  }
  const hear = (now: Health): void => {
    heard = now
    renew()
  }
  if (isObservable(instance))
    subscribeWithin(subscriber, from(instance).pipe(map(input => validated(input, incarnation))), { next: become, error: (thrown: unknown) => subscriber.error(thrown), complete: nothing })
  else become(validated(instance, incarnation))
  if (health !== undefined && !subscriber.closed)
    subscribeWithin(subscriber, health, {
      next: status => hear(isStatus(status) ? { status } : { status: 'down', error: new InvalidArgument('health', `must be starting, up, draining or down, not ${textOf(status)}`) }),
      error: (thrown: unknown) => hear({ status: 'down', error: toError(thrown) }),
      complete: nothing,
    })
  return () => {
    draining = true
    renew()
  }
}
