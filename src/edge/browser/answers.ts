import { concat, defer, filter, finalize, map, share, switchMap, take, takeWhile, tap, throwError, type Observable, type OperatorFunction } from 'rxjs'
import { Disconnected, InvalidArgument, Rewound } from '../../core/errors.js'
import { covers, type Change, type Check, type Listing, type Range, type Revision } from '../../core/store.js'
import { errorOfTrouble, type Received, type WireChange, type WireChanges, type WireId } from '../../core/wire/wire-event.js'
import { timer } from '../../flow/clock.js'
import type { ListOptions, ReadableRegistry } from '../../flow/registry.js'

/** What the answers need of the registry around them. */
export interface AnswersContext {
  /** The host of the bridge, for messages. */
  readonly host: string
  /** The events of one response. */
  readonly events: (ranges: readonly Range[], answer: Readonly<Record<string, string>>) => Observable<Received>
  readonly ready: Observable<unknown>
  /** Called with each part of a listing of now, and the id of its last part. */
  readonly listed: (changes: readonly WireChange[], id: WireId | undefined) => void
}

const changesIn = (range: Range, changes: readonly WireChange[]): readonly Change[] =>
  changes.flatMap(({ key, value, revision, lease }) => (typeof value === 'string' && covers(range, key) ? { key, value, revision, lease } : []))

const isListing = (received: Received): received is Received & { readonly event: WireChanges & { readonly type: 'listing' } } => received.event.type === 'listing'

/** What one range gets of a listing: at least its last part. */
const partsOf = (range: Range): OperatorFunction<Received, Listing> => source =>
  source.pipe(
    filter(isListing),
    map(({ event: { cluster, revision, changes }, id }) => ({ listing: { cluster, revision, changes: changesIn(range, changes) }, isLast: id !== undefined })),
    filter(({ listing, isLast }) => isLast || listing.changes.length > 0),
    map(({ listing }) => listing),
  )

/** `list` and `check`: requests of their own. Listings that are asked for at the same time are one request. */
export const answers = ({ host, events, ready, listed }: AnswersContext): Pick<ReadableRegistry, 'list' | 'check'> => {
  const incomplete = throwError(() => new Disconnected(`${host} ended before its answer was complete`, { host }))
  /** The events of an answer up to the last one, without which it is an outage. */
  const whole = (isLast: (received: Received) => boolean): OperatorFunction<Received, Received> => source =>
    concat(source, incomplete).pipe(
      map(received => {
        if (received.event.type === 'trouble') throw errorOfTrouble(received.event, host)
        return received
      }),
      takeWhile(received => !isLast(received), true),
    )
  const listing = (ranges: readonly Range[], answer: Readonly<Record<string, string>>): Observable<Received> => events(ranges, answer).pipe(whole(({ id }) => id !== undefined))

  /** The request that begins next, and the ranges that have asked for it so far. */
  let next: { readonly ranges: Range[]; readonly parts: Observable<Received> } | undefined
  const begin = () => {
    const ranges: Range[] = []
    const begun = (): void => {
      if (next?.ranges === ranges) next = undefined
    }
    const parts = timer(0).pipe(
      switchMap(() => ready),
      take(1),
      tap(begun),
      switchMap(() => listing(ranges, { list: '' })),
      tap(({ event, id }) => listed(event.type === 'listing' ? event.changes : [], id)),
      finalize(begun),
      share(),
    )
    return { ranges, parts }
  }
  const list = (range: Range, { at }: ListOptions = {}): Observable<Listing> =>
    defer(() => {
      if (at === undefined) {
        next ??= begin()
        next.ranges.push(range)
        return next.parts.pipe(partsOf(range))
      }
      if (!(Number.isSafeInteger(at) && at > 0))
        return throwError(() => new InvalidArgument('at', `must be a revision, a whole number of 1 or more, got ${String(at)} (take it from a listing, a batch or a set)`))
      return ready.pipe(take(1), switchMap(() => listing([range], { at: String(at) })), partsOf(range))
    })
  const check = (range: Range, since: Revision): Observable<Check> =>
    ready.pipe(
      take(1),
      switchMap(() => events([range], { check: String(since) }).pipe(whole(({ event }) => event.type === 'check'))),
      map(({ event }) => (event.type === 'check' ? event.check : undefined)),
      filter(found => found !== undefined),
      tap(({ revision }) => {
        if (revision < since) throw new Rewound(`the registry behind ${host} is at revision ${revision}, before ${since}`)
      }),
    )
  return { list, check }
}
