import { either as E } from 'fp-ts'
import { iterable, numberFrom, record } from '../arguments.js'
import type { Format, Rejection } from '../formats/format.js'
import { readInstance, type ServiceInstance } from '../instance/instance.js'
import { json } from '../instance/json.js'
import { markedBy } from '../instance/leased.js'
import { SortedMap } from '../sorted-map/sorted-map.js'
import { reasonOf, under, type Flaw, type Validator } from '../validation.js'
import { instancesOf, serviceSetOf, type ServiceSet } from './service-set.js'

/** A set as `JSON.parse` returns it from the text that `JSON.stringify` made of it. Further fields are ignored. */
export interface SavedSet {
  readonly service: string
  readonly revision: number
  /** When etcd last confirmed the set, epoch ms. */
  readonly asOf: number
  readonly instances: readonly unknown[]
}

const isSet = <M>(saved: ServiceSet<M> | SavedSet): saved is ServiceSet<M> => 'toArray' in saved

const fields = (saved: SavedSet): Flaw | undefined =>
  under('revision', numberFrom(0, Number.MAX_SAFE_INTEGER)(saved.revision)) ??
  under('asOf', numberFrom(0)(saved.asOf)) ??
  (isSet(saved) ? undefined : under('instances', iterable('a list of instances')(saved.instances)))

/** A set or its JSON. Its instances are checked when it is restored: those that are wrong do not spoil the others. */
export const savedSet: Validator = value => record(value) ?? fields(value as SavedSet)

const canEncode = <M>(format: Format<M>, instance: ServiceInstance<M>): boolean => {
  try {
    format.encode(instance)
    return true
  } catch {
    return false
  }
}

/**
 * A saved set of a service as a stale one; `at`: now, epoch ms. Of its JSON, an instance that is wrong, of another service, or of metadata that no format
 * would write, becomes a rejected entry with its place for a key: one bad entry in a file must not keep a process from starting.
 */
export const restoredSet = <M>(service: string, saved: ServiceSet<M> | SavedSet, formats: readonly Format<M>[], at: number): ServiceSet<M> => {
  const wrongIn = (instance: ServiceInstance<M>): Flaw | undefined => {
    if (instance.service !== service) return { path: ['service'], must: 'must be that of the set' }
    const wrong = json(instance.metadata) ?? (formats.some(format => canEncode(format, instance)) ? undefined : { path: [], must: 'must be what the format can store' })
    return under('metadata', wrong)
  }
  const instances: ServiceInstance<M>[] = []
  const rejected: Rejection[] = []
  if (!isSet(saved))
    for (const [index, entry] of [...saved.instances].entries()) {
      const read = readInstance<M>(entry as object)
      const wrong = E.isLeft(read) ? read.left : wrongIn(read.right)
      if (wrong !== undefined) rejected.push({ key: `initial.instances.${index}`, reason: reasonOf(wrong, 'the instance') })
      else if (E.isRight(read)) instances.push(markedBy((entry as ServiceInstance).leased === false ? '0' : '', read.right))
    }
  const { revision, asOf } = saved
  return serviceSetOf(
    { service, instances: isSet(saved) ? instancesOf(saved) : SortedMap.by(instances, ({ id }) => id), rejected: SortedMap.by(rejected, ({ key }) => key) },
    { status: 'stale', revision, asOf, trouble: { error: new Error('the set was saved earlier: the registry has not been listed yet'), since: at, attempt: 0, retryAt: at } },
  )
}
