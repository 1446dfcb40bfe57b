import { either as E } from 'fp-ts'
import { numberFrom } from '../arguments.js'
import type { Format, Rejection } from '../formats/format.js'
import { readInstance, type ServiceInstance } from '../instance/instance.js'
import { isRecord, json } from '../instance/json.js'
import { markedBy } from '../instance/leased.js'
import { SortedMap } from '../sorted-map/sorted-map.js'
import { must, passing, reasonOf, under, type Flaw, type Validator } from '../validation.js'
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

/** A set or its JSON. Its instances are checked when it is restored: those that are wrong do not spoil the others. */
export const savedSet: Validator = value =>
  must(isRecord, 'be a set, or what JSON.parse returns of its JSON', 'such as JSON.parse(JSON.stringify(set))')(value) ??
  under('revision', must(Number.isSafeInteger, 'be a revision')((value as SavedSet).revision)) ??
  under('asOf', numberFrom(0)((value as SavedSet).asOf)) ??
  (isSet(value as SavedSet) ? undefined : under('instances', must(Array.isArray, 'be a list of instances')((value as SavedSet).instances)))

const misfit: Flaw = { path: ['metadata'], must: 'must be what the format can store (a value that JSON cannot carry, such as a Date, was saved as something else)' }

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
  const read = (entry: unknown): E.Either<Flaw, ServiceInstance<M>> => {
    const found = readInstance<M>(entry as object)
    if (E.isLeft(found)) return found
    const instance = markedBy((entry as ServiceInstance).leased === false ? '0' : '', found.right)
    if (instance.service !== service) return E.left({ path: ['service'], must: 'must be that of the set' })
    const wrong = under('metadata', json(instance.metadata))
    if (wrong !== undefined) return E.left(wrong)
    return passing(() => (formats.some(format => canEncode(format, instance)) ? undefined : misfit))(instance)
  }
  const rejected: Rejection[] = []
  const restored = (entries: readonly unknown[]): readonly ServiceInstance<M>[] =>
    entries.flatMap((entry, index) => {
      const found = read(entry)
      if (E.isRight(found)) return [found.right]
      rejected.push({ key: `initial.instances.${index}`, reason: reasonOf(found.left, 'the instance') })
      return []
    })
  const instances = isSet(saved) ? instancesOf(saved) : SortedMap.by(restored(saved.instances), ({ id }) => id)
  const trouble = { error: new Error('the set was saved earlier: the registry has not been listed yet'), since: at, attempt: 0, retryAt: at }
  const { revision, asOf } = saved
  return serviceSetOf({ service, instances, rejected: SortedMap.by(rejected, ({ key }) => key) }, { status: 'stale', revision, asOf, trouble })
}
