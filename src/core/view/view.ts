import { either as E, option as O } from 'fp-ts'
import type { Format } from '../formats/format.js'
import { sameInstance } from '../instance/instance.js'
import { emptyFiling, filed, type Filing, type Reading, refiling, type Roster, type Steps } from './roster.js'
import { SortedMap } from '../sorted-map/sorted-map.js'
import type { Batch, Change, Check, Revision } from '../store.js'

export type { Reading, Roster, Steps } from './roster.js'

/** What is known of a prefix as of `revision` (0: nothing): what each key says, and the services that result. */
export interface View<M> {
  readonly revision: Revision
  readonly readings: SortedMap<Reading<M>>
  /** By name; the same map as before (`===`) when nothing visible changed. */
  readonly services: SortedMap<Roster<M>>
  readonly filings: SortedMap<Filing<M>>
}

/** The fold: how what is known changes. Pure. */
export interface Folding<M> {
  readonly nothing: View<M>
  /** Decodes one key; content that is known already is the very same instance. */
  readonly read: (known: View<M>, change: Change) => Reading<M>
  /** What is known after a listing; linear. What did not change stays the same object. */
  readonly relisted: (known: View<M>, readings: readonly Reading<M>[], revision: Revision) => View<M>
  /** The same, step by step. */
  readonly relisting: (known: View<M>, readings: readonly Reading<M>[], revision: Revision) => Steps<View<M>>
  /** What is known after a batch; changes not newer than what is known are dropped. */
  readonly changed: (known: View<M>, batch: Omit<Batch, 'cluster'>) => View<M>
}

type Read<M> = Reading<M>['read']

/** The content of a reading that belongs to no service. */
const ignored = E.left({ key: '', reason: 'ignored' })

const cut = (text: string): string => (text.length > 100 ? `${text.slice(0, 100)}…` : text)

const sameRead = <M>(a: Read<M>, b: Read<M>): boolean =>
  E.isRight(a) ? E.isRight(b) && sameInstance(a.right, b.right) : E.isLeft(b) && a.left.reason === b.left.reason

const shownBy = <M>(roster: Roster<M> | undefined, read: Read<M>): Read<M> | undefined => {
  if (E.isLeft(read)) {
    const rejection = roster?.rejected.get(read.left.key)
    return rejection && E.left(rejection)
  }
  const instance = roster?.instances.get(read.right.id)
  return instance && E.right(instance)
}

const sameRoster = <M>(a: Roster<M>, b: Roster<M>): boolean =>
  SortedMap.same(a.instances, b.instances) && SortedMap.same(a.rejected, b.rejected)

const grouped = <M>(readings: readonly Reading<M>[], named: readonly string[]): ReadonlyMap<string, readonly Reading<M>[]> => {
  const groups = new Map(named.map(name => [name, [] as Reading<M>[]]))
  for (const one of readings) {
    if (one.service === undefined) continue
    const group = groups.get(one.service)
    if (group === undefined) groups.set(one.service, [one])
    else group.push(one)
  }
  return groups
}

/**
 * Which services a fold follows: one, to which every key belongs; or those named, which stay present though empty, as the format's `serviceOf`
 * tells; or, unnamed, every service that it tells, each while it has an instance or a rejected entry.
 */
export type Scope = { readonly service: string } | { readonly service?: undefined; readonly services?: readonly string[] | undefined }

/** The fold of the keys under one prefix, read by `format`. */
export const folding = <M>(format: Format<M>, scope: Scope = {}): Folding<M> => {
  const named = scope.service === undefined ? scope.services : [scope.service]
  const followed = named && new Set(named)
  const filings = SortedMap.from((named ?? []).map(name => [name, emptyFiling<M>(name)]))
  const rosters = (from: SortedMap<Filing<M>>): SortedMap<Roster<M>> => SortedMap.from(Array.from(from, ([name, { roster }]) => [name, roster]))
  const nothing: View<M> = { revision: 0, readings: SortedMap.empty(), services: rosters(filings), filings }

  const serviceOf = (key: string): string | undefined => {
    if (scope.service !== undefined) return scope.service
    const service = format.serviceOf?.(key)
    return service === undefined || followed?.has(service) === false ? undefined : service
  }

  /** `undefined`: the key belongs to no service that is followed, or the format ignores it. It stays in the view, since a check counts it. */
  const decoded = (service: string | undefined, { key, value }: Change): Read<M> | undefined => {
    if (service === undefined) return undefined
    if (value === null) return E.left({ key, reason: 'was deleted' })
    const read = format.decode(key, value, service)
    if (E.isLeft(read)) return read.left.key === key ? read : E.left({ ...read.left, key })
    if (O.isNone(read.right)) return undefined
    const instance = read.right.value
    return instance.service === service
      ? E.right(instance)
      : E.left({ key, reason: `claims to be of service ${cut(instance.service)}, under a key of ${cut(service)}` })
  }

  /** Decodes a change; `rosters` are what its service showed and shows. */
  const reading = (before: Reading<M> | undefined, change: Change, since: Revision, rosters: (service: string) => readonly (Roster<M> | undefined)[]): Reading<M> => {
    const { revision, lease } = change
    const key = before?.key ?? change.key
    const followedService = serviceOf(key)
    const content = decoded(followedService, change)
    const service = content === undefined ? undefined : followedService
    const read = content ?? ignored
    if (before !== undefined && sameRead(before.read, read)) return { key, revision, lease, service, read: before.read }
    if (service === undefined || (before !== undefined && before.revision <= since)) return { key, revision, lease, service, read }
    // Another key may say the same (one that changes with its lease, after a new grant), or this one did before the batch: then nothing changes either.
    for (const roster of rosters(service)) {
      const shown = shownBy(roster, read)
      if (shown !== undefined && sameRead(shown, read)) return { key, revision, lease, service, read: shown }
    }
    return { key, revision, lease, service, read }
  }

  const changed = (known: View<M>, changes: readonly Change[], revision: Revision): View<M> => {
    let { readings, filings, services } = known
    // What a batch of thousands does to a service is written into the maps of services once.
    const touched = new Map<string, Filing<M>>()
    const filingOf = (service: string): Filing<M> => touched.get(service) ?? known.filings.get(service) ?? emptyFiling<M>(service)
    const rosters = (service: string) => [filingOf(service).roster, known.services.get(service)]
    const told = (key: string): Reading<M> | undefined => readings.get(key)
    // Nobody sees what is between: a map that this batch has made is changed instead of made anew.
    const edit = changes.length > 1 ? new Set() : undefined
    const file = (before: Reading<M> | undefined, after: Reading<M> | undefined): void => {
      const [was, is] = [before?.service, after?.service]
      if (was !== undefined && was !== is) touched.set(was, filed(filingOf(was), before, undefined, told, edit))
      if (is !== undefined) touched.set(is, filed(filingOf(is), was === is ? before : undefined, after, told, edit))
    }
    for (const change of changes)
      if (change.value === null) {
        const before = told(change.key)
        file(before, undefined)
        readings = readings.delete(change.key)
      } else
        readings = readings.update(
          change.key,
          before => {
            const after = reading(before, change, known.revision, rosters)
            file(before, after)
            return after
          },
          edit,
        )
    for (const [service, after] of touched) {
      const was = known.services.get(service)
      // Changes of one batch may undo one another.
      const filing = changes.length > 1 && was !== undefined && sameRoster(was, after.roster) ? { ...after, roster: was } : after
      const { roster } = filing
      const gone = roster.instances.size === 0 && roster.rejected.size === 0 && followed === undefined
      services = gone ? services.delete(service) : services.set(service, roster)
      filings = gone ? filings.delete(service) : filings.set(service, filing)
    }
    return { revision, readings, services, filings }
  }

  function* relisting(known: View<M>, listed: readonly Reading<M>[], revision: Revision): Steps<View<M>> {
    const readings = SortedMap.by(listed, ({ key }) => key)
    yield
    const byService = scope.service === undefined ? grouped(listed, named ?? []) : [[scope.service, listed.filter(({ service }) => service !== undefined)] as const]
    const filed: [string, Filing<M>][] = []
    for (const [name, all] of byService)
      filed.push([name, yield* refiling(known.filings.get(name) ?? emptyFiling<M>(name), all, key => readings.get(key))])
    const refiled = SortedMap.from(filed)
    return { revision, readings, filings: refiled, services: SortedMap.sharing(known.services, rosters(refiled)) }
  }

  return {
    nothing,
    read: (known, change) => reading(known.readings.get(change.key), change, known.revision, service => [known.services.get(service)]),
    relisting,
    relisted: (known, listed, revision) => {
      const steps = relisting(known, listed, revision)
      for (;;) {
        const { done, value } = steps.next()
        if (done === true) return value
      }
    },
    changed: (known, { changes, revision }) => {
      const fresh = changes.filter(change => change.revision > known.revision)
      const reached = Math.max(revision, known.revision)
      if (fresh.length > 0) return changed(known, fresh, reached)
      return reached === known.revision ? known : { ...known, revision: reached }
    },
  }
}

/** Whether what is known is what a registry held as of the check: as many keys, and those that changed with the same revision and lease. */
export const agrees = (known: View<unknown>, { count, changed }: Check): boolean =>
  known.readings.size === count &&
  changed.every(({ key, revision, lease }) => {
    const reading = known.readings.get(key)
    return reading?.revision === revision && reading.lease === lease
  })
