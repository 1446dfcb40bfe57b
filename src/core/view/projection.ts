import { either as E, option as O } from 'fp-ts'
import type { Format } from '../formats/format.js'
import { sameInstance, type ServiceInstance } from '../instance/instance.js'
import { markedBy } from '../instance/leased.js'
import { type DecodedEntry, emptyIndex, indexed, reindexed, type ServiceContent, type ServiceIndex, type Sliced } from './service-index.js'
import { SortedMap } from '../sorted-map/sorted-map.js'
import { isUnicode, wellFormed, type Batch, type Change, type Revision } from '../store.js'

/** The entries under a prefix as of `revision` (0: nothing is known yet), and the services that they make. Immutable. */
export interface Snapshot<M> {
  readonly revision: Revision
  /** Every key under the prefix, also those that are in no service. */
  readonly entries: SortedMap<DecodedEntry<M>>
  /** By name; the same map as before (`===`) when nothing visible changed. */
  readonly services: SortedMap<ServiceContent<M>>
  readonly indexes: SortedMap<ServiceIndex<M>>
}

/** Makes snapshots of the keys under one prefix. Pure; what did not change stays the same object from one snapshot to the next. */
export interface Projection<M> {
  readonly empty: Snapshot<M>
  /** Decodes one key; an instance that the snapshot already shows is reused. */
  readonly decode: (snapshot: Snapshot<M>, change: Change) => DecodedEntry<M>
  /** The snapshot of a listing, in place of `snapshot`; linear. */
  readonly restore: (snapshot: Snapshot<M>, entries: readonly DecodedEntry<M>[], revision: Revision) => Sliced<Snapshot<M>>
  /** The snapshot after a batch; changes that are not newer than the snapshot are dropped. */
  readonly apply: (snapshot: Snapshot<M>, batch: Pick<Batch, 'revision' | 'changes'>) => Snapshot<M>
}

/**
 * The services that a projection follows: `service`, to which every key belongs; or those named in `services`, which are present even while empty; or,
 * without either, every service that the format's `serviceOf` finds, while it has an instance or a rejected entry.
 */
export type Scope = { readonly service: string } | { readonly service?: undefined; readonly services?: readonly string[] | undefined }

const cut = (text: string): string => (text.length > 100 ? `${text.slice(0, 100)}…` : text)

const sameContent = <M>(a: DecodedEntry<M>, b: DecodedEntry<M>): boolean =>
  a.instance === undefined || b.instance === undefined
    ? a.instance === b.instance && a.rejection?.reason === b.rejection?.reason
    : sameInstance(a.instance, b.instance)

const sameService = <M>(a: ServiceContent<M>, b: ServiceContent<M>): boolean =>
  SortedMap.same(a.instances, b.instances) && SortedMap.same(a.rejected, b.rejected)

/** The entry with the instance or rejection of another one of equal content. */
const sharing = <M>({ key, revision, lease, service }: DecodedEntry<M>, { instance, rejection }: Pick<DecodedEntry<M>, 'instance' | 'rejection'>): DecodedEntry<M> =>
  ({ key, revision, lease, service, instance, rejection })

/** The entry with the content that a service shows already, if that is equal. */
const sharedWith = <M>(entry: DecodedEntry<M>, shown: ServiceContent<M> | undefined): DecodedEntry<M> | undefined => {
  if (shown === undefined) return undefined
  const instance = entry.instance && shown.instances.get(entry.instance.id)
  const rejection = entry.rejection && shown.rejected.get(entry.key)
  if (instance === undefined && rejection === undefined) return undefined
  const shared = sharing(entry, { instance, rejection })
  return sameContent(shared, entry) ? shared : undefined
}

/** The entries of each service; those that are ignored are in none. */
const grouped = <M>(entries: readonly DecodedEntry<M>[], named: readonly string[]): ReadonlyMap<string, readonly DecodedEntry<M>[]> => {
  const groups = new Map(named.map(name => [name, [] as DecodedEntry<M>[]]))
  for (const entry of entries) {
    if (entry.service === undefined || (entry.instance ?? entry.rejection) === undefined) continue
    const group = groups.get(entry.service)
    if (group === undefined) groups.set(entry.service, [entry])
    else group.push(entry)
  }
  return groups
}

/** The projection of the keys under one prefix, decoded by `format`. An instance of the one service that is equal to one of `known` is that object. */
export const projection = <M>(format: Format<M>, scope: Scope = {}, known: SortedMap<ServiceInstance<M>> = SortedMap.empty()): Projection<M> => {
  const named = scope.service === undefined ? scope.services : [scope.service]
  const followed = named && new Set(named)
  const contents = (of: SortedMap<ServiceIndex<M>>): SortedMap<ServiceContent<M>> => of.map(({ content }) => content)
  const noKeys = SortedMap.from((named ?? []).map(name => [name, emptyIndex<M>(name)]))
  const services = contents(noKeys).map(content => (known.size === 0 ? content : { ...content, instances: known }))
  const empty: Snapshot<M> = { revision: 0, entries: SortedMap.empty(), services, indexes: noKeys }

  const serviceOf = (key: string): string | undefined => {
    if (scope.service !== undefined) return scope.service
    // No service has a name that is not UTF-8. Its keys are shown under the printable form of it.
    const service = format.serviceOf?.(wellFormed(key))
    return service === undefined || followed?.has(service) === false ? undefined : service
  }

  const decoded = (key: string, { value, revision, lease }: Change): DecodedEntry<M> => {
    const service = serviceOf(key)
    const entry = (instance: DecodedEntry<M>['instance'], reason?: string): DecodedEntry<M> => ({
      key,
      revision,
      lease,
      service,
      instance,
      rejection: reason === undefined ? undefined : { key, reason },
    })
    if (service === undefined) return entry(undefined)
    if (value === null) return entry(undefined, 'was deleted')
    if (!isUnicode(key)) return entry(undefined, 'the key must be UTF-8')
    const read = format.decode(key, value, service)
    if (!isUnicode(value)) return entry(undefined, E.isRight(read) && O.isNone(read.right) ? undefined : 'the value must be UTF-8')
    if (E.isLeft(read)) return entry(undefined, read.left.reason)
    if (O.isNone(read.right)) return entry(undefined)
    const instance = read.right.value
    if (instance.service === service) return entry(markedBy(lease, instance))
    // With nested names, the keys of `web/api` lie under the prefix of `web`.
    return key.startsWith(format.prefix(instance.service))
      ? entry(undefined)
      : entry(undefined, `claims to be of service ${cut(instance.service)}, under a key of ${cut(service)}`)
  }

  const applied = (snapshot: Snapshot<M>, changes: readonly Change[], reached: Revision): Snapshot<M> => {
    let { entries, indexes, services } = snapshot
    // The maps of services are written once per batch, however many changes it has.
    const touched = new Map<string, ServiceIndex<M>>()
    const indexOf = (service: string): ServiceIndex<M> => touched.get(service) ?? snapshot.indexes.get(service) ?? emptyIndex<M>(service)
    const entryAt = (key: string): DecodedEntry<M> | undefined => entries.get(key)
    // Nothing outside sees a map that this batch has made, so that it can be changed in place.
    const edit = changes.length > 1 ? new Set() : undefined
    const decode = (before: DecodedEntry<M> | undefined, change: Change): DecodedEntry<M> => {
      const after = decoded(before?.key ?? change.key, change)
      const { service } = after
      if (before !== undefined && sameContent(before, after)) return sharing(after, before)
      if (service === undefined || (before !== undefined && before.revision <= snapshot.revision)) return after
      // Another key may hold the same (a key that changes with its lease, after a new grant), or this one did before the batch: nothing changes then.
      return sharedWith(after, indexOf(service).content) ?? sharedWith(after, snapshot.services.get(service)) ?? after
    }
    const index = (before: DecodedEntry<M> | undefined, after: DecodedEntry<M> | undefined): void => {
      // A key always belongs to the same service.
      const service = (after ?? before)?.service
      if (service !== undefined) touched.set(service, reindexed(indexOf(service), before, after, entryAt, edit))
    }
    for (const change of changes)
      if (change.value === null) {
        index(entryAt(change.key), undefined)
        entries = entries.delete(change.key)
      } else
        entries = entries.update(
          change.key,
          before => {
            const after = decode(before, change)
            index(before, after)
            return after
          },
          edit,
        )
    for (const [service, after] of touched) {
      const before = snapshot.services.get(service)
      // The changes of one batch may undo one another.
      const next = changes.length > 1 && before !== undefined && sameService(before, after.content) ? { ...after, content: before } : after
      const { content } = next
      const gone = content.instances.size === 0 && content.rejected.size === 0 && followed === undefined
      services = gone ? services.delete(service) : services.set(service, content)
      indexes = gone ? indexes.delete(service) : indexes.set(service, next)
    }
    return { revision: reached, entries, services, indexes }
  }

  return {
    empty,
    decode: (snapshot, change) => {
      const before = snapshot.entries.get(change.key)
      const after = decoded(before?.key ?? change.key, change)
      const { service } = after
      if (before !== undefined) return sameContent(before, after) ? sharing(after, before) : after
      return (service === undefined ? undefined : sharedWith(after, snapshot.services.get(service))) ?? after
    },
    *restore(snapshot, listed, revision) {
      const entries = SortedMap.by(listed, ({ key }) => key)
      yield
      const byService = scope.service === undefined ? grouped(listed, named ?? []) : [[scope.service, listed] as const]
      const all: [string, ServiceIndex<M>][] = []
      for (const [service, own] of byService)
        all.push([service, yield* indexed(snapshot.indexes.get(service) ?? emptyIndex<M>(service), own, key => entries.get(key))])
      const indexes = SortedMap.from(all)
      return { revision, entries, indexes, services: SortedMap.sharing(snapshot.services, contents(indexes)) }
    },
    apply: (snapshot, { changes, revision }) => {
      const fresh = changes.filter(change => change.revision > snapshot.revision)
      const reached = Math.max(revision, snapshot.revision)
      if (fresh.length > 0) return applied(snapshot, fresh, reached)
      return reached === snapshot.revision ? snapshot : { ...snapshot, revision: reached }
    },
  }
}
