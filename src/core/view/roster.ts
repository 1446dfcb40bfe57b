import { either as E } from 'fp-ts'
import type { Rejection } from '../formats/format.js'
import type { ServiceInstance } from '../instance/instance.js'
import { SortedMap } from '../sorted-map/sorted-map.js'
import type { Fresh } from '../sorted-map/node.js'
import type { Revision } from '../store.js'

/** A long computation that stops between its steps, so that other things get their turn; of 100,000 keys none takes longer than some ms. */
export type Steps<A> = Generator<undefined, A>

/** What one key says, since `revision`, under `lease`; `service` is where it is filed, `undefined` when it is of none that we follow. */
export interface Reading<M> {
  readonly key: string
  readonly revision: Revision
  readonly lease: string
  readonly service: string | undefined
  readonly read: E.Either<Rejection, ServiceInstance<M>>
}

/** What is known of a service: its instances by id, and by key the entries that could not be read. */
export interface Roster<M> {
  readonly service: string
  readonly instances: SortedMap<ServiceInstance<M>>
  readonly rejected: SortedMap<Rejection>
}

/**
 * A roster and the keys behind it. Two keys may say the same id: the one written last (of one revision: the greater key) speaks for it,
 * the others are its rivals, by rank, and the last of them speaks when it goes.
 */
export interface Filing<M> {
  readonly roster: Roster<M>
  readonly keys: SortedMap<string>
  readonly rivals: SortedMap<SortedMap<Reading<M>>>
}

/** A service of which nothing is known. */
export const emptyFiling = <M>(service: string): Filing<M> => ({
  roster: { service, instances: SortedMap.empty(), rejected: SortedMap.empty() },
  keys: SortedMap.empty(),
  rivals: SortedMap.empty(),
})

const rank = ({ revision, key }: Reading<unknown>): string => String(revision).padStart(16, '0') + key

const idOf = (reading: Reading<unknown> | undefined): string | undefined =>
  reading !== undefined && E.isRight(reading.read) ? reading.read.right.id : undefined

const said = (reading: Reading<unknown>): string => idOf(reading) ?? ''

const withEntry = <V>(map: SortedMap<V>, key: string, value: V | undefined, edit?: Fresh): SortedMap<V> =>
  value === undefined ? map.delete(key) : map.set(key, value, edit)

// Written out rather than spread, here and below, since it runs for each event: a spread costs ten times as much.
const withRoster = <M>({ roster, keys, rivals }: Filing<M>, instances: SortedMap<ServiceInstance<M>>, rejected: SortedMap<Rejection>): Filing<M> => ({
  roster: instances === roster.instances && rejected === roster.rejected ? roster : { service: roster.service, instances, rejected },
  keys,
  rivals,
})

const spokenBy = <M>(filing: Filing<M>, id: string, speaker: Reading<M> | undefined, edit?: Fresh): Filing<M> => {
  const instance = speaker !== undefined && E.isRight(speaker.read) ? speaker.read.right : undefined
  return withRoster(filing, withEntry(filing.roster.instances, id, instance, edit), filing.roster.rejected)
}

const withClaim = <M>(
  filing: Filing<M>,
  id: string,
  before: Reading<M> | undefined,
  after: Reading<M> | undefined,
  reading: (key: string) => Reading<M> | undefined,
  edit?: Fresh,
): Filing<M> => {
  const rivals = filing.rivals.get(id)
  // The usual case: no other key says this id.
  if (rivals === undefined && (before !== undefined || !filing.keys.has(id)))
    return spokenBy(
      before !== undefined && after !== undefined ? filing : { roster: filing.roster, keys: withEntry(filing.keys, id, after?.key), rivals: filing.rivals },
      id,
      after,
      edit,
    )
  const owner = filing.keys.get(id)
  const speaker = owner === undefined ? undefined : reading(owner)
  let claims = rivals ?? SortedMap.empty<Reading<M>>()
  if (speaker !== undefined) claims = claims.set(rank(speaker), speaker)
  if (before !== undefined) claims = claims.delete(rank(before))
  if (after !== undefined) claims = claims.set(rank(after), after)
  const next = claims.at(claims.size - 1)
  return spokenBy(
    {
      roster: filing.roster,
      keys: withEntry(filing.keys, id, next?.key),
      rivals: withEntry(filing.rivals, id, next === undefined || claims.size === 1 ? undefined : claims.delete(rank(next))),
    },
    id,
    next,
  )
}

/** Files that a key says `after` where it said `before`; `reading` tells what another key says. The same roster when nothing visible changed. */
export const filed = <M>(
  filing: Filing<M>,
  before: Reading<M> | undefined,
  after: Reading<M> | undefined,
  reading: (key: string) => Reading<M> | undefined,
  edit?: Fresh,
): Filing<M> => {
  const was = idOf(before)
  const is = idOf(after)
  let next = filing
  if (was !== undefined && was !== is) next = withClaim(next, was, before, undefined, reading)
  if (is !== undefined) next = withClaim(next, is, was === is ? before : undefined, after, reading, edit)
  const rejection = after !== undefined && E.isLeft(after.read) ? after.read.left : undefined
  const key = (after ?? before)?.key ?? ''
  return rejection !== undefined || (before !== undefined && was === undefined)
    ? withRoster(next, next.roster.instances, withEntry(next.roster.rejected, key, rejection))
    : next
}

/** The usual case, in one pass, since 100,000 objects are not in the processor's cache: all can be read, each key says an id of its own, in their order. */
function* inOrder<M>(service: string, readings: readonly Reading<M>[]): Steps<Filing<M> | undefined> {
  const ids: string[] = []
  const keys: string[] = []
  const instances: ServiceInstance<M>[] = []
  let last = ''
  for (const { key, read } of readings) {
    if (E.isLeft(read) || read.right.id <= last) return undefined
    last = read.right.id
    ids.push(last)
    keys.push(key)
    instances.push(read.right)
  }
  yield
  const roster = { service, instances: SortedMap.sorted(ids, instances), rejected: SortedMap.empty<Rejection>() }
  yield
  return { roster, keys: SortedMap.sorted(ids, keys), rivals: SortedMap.empty() }
}

const inAnyOrder = <M>(service: string, readings: readonly Reading<M>[], reading: (key: string) => Reading<M> | undefined): Filing<M> => {
  const rejected = readings.filter(one => E.isLeft(one.read))
  const accepted = rejected.length === 0 ? readings : readings.filter(one => E.isRight(one.read))
  const speakers = SortedMap.by(accepted, said)
  const others = speakers.size === accepted.length ? [] : accepted.filter(one => speakers.get(said(one)) !== one)
  const once: Filing<M> = {
    roster: {
      service,
      instances: speakers.map(one => (one.read as E.Right<ServiceInstance<M>>).right),
      rejected: SortedMap.by(rejected, ({ key }) => key).map(one => (one.read as E.Left<Rejection>).left),
    },
    keys: speakers.map(({ key }) => key),
    rivals: SortedMap.empty(),
  }
  return others.reduce((filing, one) => filed(filing, undefined, one, reading), once)
}

/** Files everything a service's keys say, anew; what did not change is shared with `previous`, down to the same roster. */
export function* refiling<M>(previous: Filing<M>, readings: readonly Reading<M>[], reading: (key: string) => Reading<M> | undefined): Steps<Filing<M>> {
  const { service } = previous.roster
  const { roster, keys, rivals } = (yield* inOrder(service, readings)) ?? inAnyOrder(service, readings, reading)
  yield
  const sharedKeys = SortedMap.sharing(previous.keys, keys)
  yield
  const instances = SortedMap.sharing(previous.roster.instances, roster.instances)
  return withRoster({ roster: previous.roster, keys: sharedKeys, rivals }, instances, SortedMap.sharing(previous.roster.rejected, roster.rejected))
}
