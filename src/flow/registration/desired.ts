import { either as E } from 'fp-ts'
import { catchError, combineLatest, from, identity, isObservable, map, of, scan, shareReplay, startWith, type MonoTypeOperatorFunction, type Observable } from 'rxjs'
import { quotedValue } from '../../core/validation.js'
import { InvalidArgument, toError } from '../../core/errors.js'
import type { Format } from '../../core/formats/format.js'
import { isStatus, validInstance, type ServiceInstance, type ServiceInstanceInput, type Status } from '../../core/instance/instance.js'
import { desiredOf, type Desired, type Health } from '../../core/register/desired.js'
import type { ReadableRegistry } from '../registry.js'
import { withOverride } from './override.js'

/** What the desired state of a registration is made of. */
export interface DesiredOptions {
  readonly formats: readonly Format[]
  readonly instance: ServiceInstanceInput | Observable<ServiceInstanceInput | null>
  readonly health: Observable<Status> | undefined
  /** Emits `false` at once, `true` when the registration begins to drain. */
  readonly draining: Observable<boolean> | undefined
  /** Given to every instance that brings none. */
  readonly incarnation: string
  /** Receives the service of each instance. */
  readonly run: { service: string }
  /** Where the operator's override is read; absent: it is not. */
  readonly overrides: ReadableRegistry | undefined
}

const validated = (input: ServiceInstanceInput | null, incarnation: string, run: { service: string }): ServiceInstance | null => {
  if (input === null) return null
  const valid = validInstance(input)
  if (E.isLeft(valid)) throw valid.left
  run.service = valid.right.service
  return valid.right.incarnation === '' ? { ...valid.right, incarnation } : valid.right
}

/** The first status must be one: a check that never was right is an error of the program. A later one that is wrong takes the instance down. */
const healthAfter = (before: Health, status: Status): Health => {
  if (isStatus(status)) return { status }
  const error = new InvalidArgument('health', `must emit "starting", "up", "draining" or "down", got ${quotedValue(status)} (map the results of a check to a status, or use poll)`)
  if (before.status === undefined) throw error
  return { status: 'down', error }
}

const unknown: Health = {}
const starting: Health = { status: 'starting' }

const failed = (thrown: unknown): Observable<Health> => {
  if (thrown instanceof InvalidArgument && thrown.argument === 'health') throw thrown
  return of({ status: 'down', error: toError(thrown) })
}

const latest: MonoTypeOperatorFunction<Desired> = shareReplay({ bufferSize: 1, refCount: true })

/**
 * The desired state, from the first instance on; later subscribers get the latest one. If the health check errors, the instance is `down`; if the
 * instance Observable errors or emits an invalid instance, or if the first value of the health check is not a status, this errors.
 * A source that completes keeps its last value.
 */
export const desired = ({ formats, instance, health, draining, incarnation, run, overrides }: DesiredOptions): Observable<Desired> => {
  const overriding = overrides === undefined ? identity : withOverride(overrides)
  // If only an override can change it, sharing it would take 2.6 kB of heap more for each registration.
  if (!isObservable(instance) && health === undefined && draining === undefined) return of(desiredOf(formats, validated(instance, incarnation, run))).pipe(overriding)
  const instances = isObservable(instance) ? from(instance) : of(instance)
  const healths = health === undefined ? of(unknown) : from(health).pipe(scan(healthAfter, unknown), catchError(failed), startWith(starting))
  return combineLatest([instances.pipe(map(input => validated(input, incarnation, run))), healths, draining ?? of(false)]).pipe(
    map(([valid, checked, drains]) => desiredOf(formats, valid, checked, drains)),
    overriding,
    latest,
  )
}
