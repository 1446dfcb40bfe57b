import type { Rejection } from '../formats/format.js'
import type { ServiceInstance } from '../instance/instance.js'
import type { SetContent } from '../sets/service-set.js'
import { SortedMap } from '../sorted-map/sorted-map.js'
import type { Fresh } from '../sorted-map/node.js'
import type { Revision } from '../store.js'

/** A long computation that can pause at each `yield`; with 100,000 keys, no part between two of them takes longer than a few ms. */
export type Sliced<A> = Generator<undefined, A>

/**
 * One key of the registry, decoded. It holds an `instance`, or a `rejection` if it could not be read, or neither: then the format ignores the key,
 * or it belongs to no service that is followed. Such a key is in no service, and stays here because a check counts it.
 */
export interface DecodedEntry<M> {
  readonly key: string
  readonly revision: Revision
  readonly lease: string
  /** The service that the key belongs to; `undefined` if it is not one that is followed. */
  readonly service: string | undefined
  readonly instance: ServiceInstance<M> | undefined
  readonly rejection: Rejection | undefined
}

/** The content of one service: its instances by id, and by key the entries that could not be read. */
export interface ServiceContent<M> extends SetContent<M> {
  readonly rejected: SortedMap<Rejection>
}

/**
 * The content of one service and the keys that it came from. If two keys hold the same id, the one written last is shown (within one revision, the
 * greater key). The others are shadowed, by rank; when the shown one goes, the last of them takes its place.
 */
export interface ServiceIndex<M> {
  readonly content: ServiceContent<M>
  /** For each id, the key whose instance is shown. */
  readonly keys: SortedMap<string>
  readonly shadowed: SortedMap<SortedMap<DecodedEntry<M>>>
}

/** The index of a service without any key. */
export const emptyIndex = <M>(service: string): ServiceIndex<M> => ({
  content: { service, instances: SortedMap.empty(), rejected: SortedMap.empty() },
  keys: SortedMap.empty(),
  shadowed: SortedMap.empty(),
})

const rank = ({ revision, key }: DecodedEntry<unknown>): string => String(revision).padStart(16, '0') + key

const withValue = <V>(map: SortedMap<V>, key: string, value: V | undefined, edit?: Fresh): SortedMap<V> =>
  value === undefined ? map.delete(key) : map.set(key, value, edit)

// Each object is written out, here and below, because this runs for each event: a spread costs ten times as much.
const withContent = <M>({ content, keys, shadowed }: ServiceIndex<M>, instances: SortedMap<ServiceInstance<M>>, rejected: SortedMap<Rejection>): ServiceIndex<M> => ({
  content: instances === content.instances && rejected === content.rejected ? content : { service: content.service, instances, rejected },
  keys,
  shadowed,
})

const showing = <M>(index: ServiceIndex<M>, id: string, shown: DecodedEntry<M> | undefined, edit?: Fresh): ServiceIndex<M> =>
  withContent(index, withValue(index.content.instances, id, shown?.instance, edit), index.content.rejected)

/** The index after the entry of one id changed from `before` to `after`. */
const withInstance = <M>(
  index: ServiceIndex<M>,
  id: string,
  before: DecodedEntry<M> | undefined,
  after: DecodedEntry<M> | undefined,
  entryAt: (key: string) => DecodedEntry<M> | undefined,
  edit?: Fresh,
): ServiceIndex<M> => {
  const { content, keys } = index
  const shadowed = index.shadowed.get(id)
  // The usual case: no other key holds this id.
  if (shadowed === undefined && (before !== undefined || !keys.has(id)))
    return showing(
      before !== undefined && after !== undefined ? index : { content, keys: withValue(keys, id, after?.key), shadowed: index.shadowed },
      id,
      after,
      edit,
    )
  const shownKey = keys.get(id)
  const shown = shownKey === undefined ? undefined : entryAt(shownKey)
  let ranked = shadowed ?? SortedMap.empty<DecodedEntry<M>>()
  if (shown !== undefined) ranked = ranked.set(rank(shown), shown)
  if (before !== undefined) ranked = ranked.delete(rank(before))
  if (after !== undefined) ranked = ranked.set(rank(after), after)
  const next = ranked.at(ranked.size - 1)
  return showing(
    {
      content,
      keys: withValue(keys, id, next?.key),
      shadowed: withValue(index.shadowed, id, next === undefined || ranked.size === 1 ? undefined : ranked.delete(rank(next))),
    },
    id,
    next,
  )
}

/** The index after one of its keys changed from `before` to `after`; `entryAt` finds the entries of other keys. Without a visible change, its content stays the same object. */
export const reindexed = <M>(
  index: ServiceIndex<M>,
  before: DecodedEntry<M> | undefined,
  after: DecodedEntry<M> | undefined,
  entryAt: (key: string) => DecodedEntry<M> | undefined,
  edit?: Fresh,
): ServiceIndex<M> => {
  const was = before?.instance?.id
  const is = after?.instance?.id
  let next = index
  if (was !== undefined && was !== is) next = withInstance(next, was, before, undefined, entryAt)
  if (is !== undefined) next = withInstance(next, is, was === is ? before : undefined, after, entryAt, edit)
  const rejection = after?.rejection
  const rejectedKey = (rejection ?? before?.rejection)?.key
  return rejectedKey === undefined ? next : withContent(next, next.content.instances, withValue(next.content.rejected, rejectedKey, rejection))
}

/** The usual case, in one pass because 100,000 objects do not fit the processor's cache: nothing is rejected, each key holds another id, in their order. */
function* indexedInOrder<M>(service: string, entries: readonly DecodedEntry<M>[]): Sliced<ServiceIndex<M> | undefined> {
  const ids: string[] = []
  const keys: string[] = []
  const instances: ServiceInstance<M>[] = []
  let last = ''
  for (const { key, instance, rejection } of entries) {
    if (rejection !== undefined) return undefined
    if (instance === undefined) continue
    if (instance.id <= last) return undefined
    last = instance.id
    ids.push(last)
    keys.push(key)
    instances.push(instance)
  }
  yield
  const content = { service, instances: SortedMap.sorted(ids, instances), rejected: SortedMap.empty<Rejection>() }
  yield
  return { content, keys: SortedMap.sorted(ids, keys), shadowed: SortedMap.empty() }
}

const indexedInAnyOrder = <M>(service: string, entries: readonly DecodedEntry<M>[], entryAt: (key: string) => DecodedEntry<M> | undefined): ServiceIndex<M> => {
  const withInstances = entries.flatMap(entry => (entry.instance === undefined ? [] : [{ entry, instance: entry.instance }]))
  const shown = SortedMap.by(withInstances, ({ instance }) => instance.id)
  const others = shown.size === withInstances.length ? [] : withInstances.filter(one => shown.get(one.instance.id) !== one)
  const once: ServiceIndex<M> = {
    content: {
      service,
      instances: shown.map(({ instance }) => instance),
      rejected: SortedMap.by(entries.flatMap(({ rejection }) => rejection ?? []), ({ key }) => key),
    },
    keys: shown.map(({ entry }) => entry.key),
    shadowed: SortedMap.empty(),
  }
  return others.reduce((index, { entry }) => reindexed(index, undefined, entry, entryAt), once)
}

/** Indexes all entries of a service again; everything that did not change is shared with `previous`, up to the whole content. */
export function* indexed<M>(previous: ServiceIndex<M>, entries: readonly DecodedEntry<M>[], entryAt: (key: string) => DecodedEntry<M> | undefined): Sliced<ServiceIndex<M>> {
  const { content: before } = previous
  const { content, keys, shadowed } = (yield* indexedInOrder(before.service, entries)) ?? indexedInAnyOrder(before.service, entries, entryAt)
  yield
  const sharedKeys = SortedMap.sharing(previous.keys, keys)
  yield
  const instances = SortedMap.sharing(before.instances, content.instances)
  return withContent({ content: before, keys: sharedKeys, shadowed }, instances, SortedMap.sharing(before.rejected, content.rejected))
}
