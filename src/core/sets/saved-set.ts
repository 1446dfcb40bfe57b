import { either as E } from 'fp-ts'
import { iterable } from '../arguments.js'
import { finished } from '../finished.js'
import type { Format, Rejection } from '../formats/format.js'
import { readInstance, type ServiceInstance } from '../instance/instance.js'
import { isRecord, json } from '../instance/json.js'
import { markedBy } from '../instance/leased.js'
import { SortedMap } from '../sorted-map/sorted-map.js'
import type { Sliced } from '../view/service-index.js'
import { must, reasonOf, under, type Flaw, type Validator } from '../validation.js'
import { instancesOf, revisionCheck, serviceSetOf, timeCheck, type ServiceSet } from './service-set.js'

/** A set as `JSON.parse` returns it from the text that `JSON.stringify` made of it. Further fields are ignored. */
export interface SavedSet {
  readonly service: string
  readonly revision: number
  /** When etcd last confirmed the set, epoch ms. */
  readonly asOf: number
  readonly instances: readonly unknown[]
}

// A field of a JSON may have any name, but is no function.
const isSet = <M>(saved: ServiceSet<M> | SavedSet): saved is ServiceSet<M> => typeof (saved as Partial<ServiceSet<M>>).toArray === 'function'

const isPromise = (value: unknown): boolean => isRecord(value) && typeof value['then'] === 'function'

const object = /* @__PURE__ */ must(
  value => isRecord(value) && !isPromise(value),
  'be a set, or its JSON as an object',
  value => (isPromise(value) ? 'await it' : typeof value === 'string' ? 'JSON.parse(text) returns one' : undefined),
)

const fields = (saved: SavedSet): Flaw | undefined =>
  under('revision', revisionCheck(saved.revision)) ??
  under('asOf', timeCheck(saved.asOf)) ??
  (isSet(saved) ? undefined : under('instances', iterable('a list of instances')(saved.instances)))

/** A set or its JSON. Its instances are checked when it is restored: those that are wrong do not spoil the others. */
export const savedSet: Validator = value => object(value) ?? fields(value as SavedSet)

const canEncode = <M>(format: Format<M>, instance: ServiceInstance<M>): boolean => {
  try {
    format.encode(instance)
    return true
  } catch {
    return false
  }
}

/** So many instances are restored in one part, so that a usual set is there at once. */
const atOnce = 256

/**
 * A saved set of a service as a stale one; `at`: now, epoch ms. Of its JSON, an instance that is wrong, of another service, with the id of one before it, or
 * of metadata that no format would write, becomes a rejected entry with its place for a key: one bad entry in a file must not keep a process from starting.
 */
export const restoring = function* <M>(service: string, saved: ServiceSet<M> | SavedSet, formats: readonly Format<M>[], at: number): Sliced<ServiceSet<M>> {
  const ids = new Set<string>()
  const wrongIn = (instance: ServiceInstance<M>): Flaw | undefined => {
    if (instance.service !== service) return { path: ['service'], must: 'must be that of the set' }
    if (ids.has(instance.id)) return { path: ['id'], must: 'must not be that of another instance of the set' }
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
      else if (E.isRight(read)) {
        ids.add(read.right.id)
        instances.push(markedBy((entry as ServiceInstance).leased === false ? '0' : '', read.right))
      }
      if (index >= atOnce) yield
    }
  const { revision, asOf } = saved
  return serviceSetOf(
    { service, instances: isSet(saved) ? instancesOf(saved) : SortedMap.by(instances, ({ id }) => id), rejected: SortedMap.by(rejected, ({ key }) => key) },
    { status: 'stale', revision, asOf, trouble: { error: new Error('the set was saved earlier: the registry has not been listed yet'), since: at, attempt: 0, retryAt: at } },
  )
}

/** What `restoring` returns, without a pause. */
export const restoredSet = <M>(service: string, saved: ServiceSet<M> | SavedSet, formats: readonly Format<M>[], at: number): ServiceSet<M> =>
  finished(restoring(service, saved, formats, at))
