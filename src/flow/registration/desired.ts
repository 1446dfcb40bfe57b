import { either as E } from 'fp-ts'
import { catchError, combineLatest, from, isObservable, map, of, shareReplay, startWith, type MonoTypeOperatorFunction, type Observable } from 'rxjs'
import { InvalidArgument, textOf, toError } from '../../core/errors.js'
import type { Format } from '../../core/formats/format.js'
import { isStatus, validInstance, type ServiceInstance, type ServiceInstanceInput, type Status } from '../../core/instance/instance.js'
import { desiredOf, type Desired, type Health } from '../../core/register/desired.js'

/** What the desired state of a registration is made of. */
export interface DesiredOptions {
  readonly formats: readonly Format[]
  readonly instance: ServiceInstanceInput | Observable<ServiceInstanceInput | null>
  readonly health: Observable<Status> | undefined
  /** Emits `false` at once, `true` when the registration begins to drain. */
  readonly draining: Observable<boolean> | undefined
  /** Given to every instance that brings none. */
  readonly incarnation: string
}

const validated = (input: ServiceInstanceInput | null, incarnation: string): ServiceInstance | null => {
  if (input === null) return null
  const valid = validInstance(input)
  if (E.isLeft(valid)) throw valid.left
  return valid.right.incarnation === '' ? { ...valid.right, incarnation } : valid.right
}

const healthOf = (status: Status): Health =>
  isStatus(status) ? { status } : { status: 'down', error: new InvalidArgument('health', `must be starting, up, draining or down, not ${textOf(status)}`) }

const starting: Health = { status: 'starting' }

const latest: MonoTypeOperatorFunction<Desired> = shareReplay({ bufferSize: 1, refCount: true })

/**
 * The desired state, from the first instance on; later subscribers get the latest one. If the health check errors, the instance is `down`; if the
 * instance Observable errors or emits an invalid instance, this errors. A source that completes keeps its last value.
 */
export const desired = ({ formats, instance, health, draining, incarnation }: DesiredOptions): Observable<Desired> => {
  // If nothing can change, a constant takes 2.6 kB of heap less for each registration.
  if (!isObservable(instance) && health === undefined && draining === undefined) return of(desiredOf(formats, validated(instance, incarnation), {}, false))
  const instances = isObservable(instance) ? from(instance) : of(instance)
  const down = (thrown: unknown): Observable<Health> => of({ status: 'down', error: toError(thrown) })
  const healths = health === undefined ? of<Health>({}) : from(health).pipe(map(healthOf), catchError(down), startWith(starting))
  return combineLatest([instances.pipe(map(input => validated(input, incarnation))), healths, draining ?? of(false)]).pipe(
    map(([valid, checked, drains]) => desiredOf(formats, valid, checked, drains)),
    latest,
  )
}
