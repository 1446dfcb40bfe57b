import { catchError, concat, concatMap, defer, filter, ignoreElements, map, of, throwError, timeout, type Observable } from 'rxjs'
import { Compacted, Disconnected } from '../../core/errors.js'
import type { Batch, Change, Revision } from '../../core/store.js'
import { asError, translate } from './errors.js'
import type { Member, Members } from './member.js'
import type { WatchResponse } from './messages.js'
import { askedTwice, rangeOf } from './range.js'
import { perTurn } from './turn.js'
import { watchStream, type WatchStream } from './watch-stream.js'

/** For how long (ms) a watch may take to be created. */
const patience = 5_000

/** Errors when the member cannot know, or no longer knows, what came after `from`; a linearizable read, since it may just lag behind another. */
const reachable = (member: Member, prefix: string, from: Revision): Observable<never> =>
  askedTwice(member.call((client, options) => client.kv.range({ key: rangeOf(prefix).key, revision: from, count_only: true }, options))).pipe(
    catchError((error: unknown) => throwError(() => (error instanceof Compacted ? new Compacted(from) : asError(error)))),
    ignoreElements(),
  )

const refusal = (host: string, { compacted, reason }: WatchResponse): Error =>
  compacted > 0
    ? new Compacted(compacted)
    : (translate(host, { code: 0, details: reason }) ?? new Disconnected(`${host} cancelled the watch: ${reason || 'it did not say why'}`, { host }))

/** The responses of one watch as whole revisions after `from`. */
const batches = (host: string, from: Revision) => (responses: Observable<WatchResponse>): Observable<Batch> =>
  defer(() => {
    let last = from
    let train: Change[] = []
    const step = (response: WatchResponse): Batch | undefined => {
      if (response.canceled) throw refusal(host, response)
      if (response.created) return { revision: from, changes: [] }
      for (const change of response.changes) if (change.revision > last) train.push(change)
      if (response.fragment) return undefined
      const changes = train
      train = []
      // The header of events may be ahead of them; without events, and under this watch's own id, it is etcd's automatic progress.
      const revision = response.changes.length > 0 ? (changes.at(-1)?.revision ?? last) : response.revision
      if (revision <= last) return undefined
      last = revision
      return { revision, changes }
    }
    return responses.pipe(
      map(step),
      filter(batch => batch !== undefined),
    )
  })

const joined = (batches: readonly Batch[]): Batch => ({ revision: batches.at(-1)?.revision ?? 0, changes: batches.flatMap(({ changes }) => changes) })

const watchOn = (member: Member, stream: WatchStream, prefix: string, from: Revision): Observable<Batch> => {
  const { host } = member
  const late = new Disconnected(`${host} did not create the watch within ${patience} ms`, { host })
  // From the last revision known and not the one after it: a start in the future keeps some etcds from answering any ping on the stream.
  const request = { ...rangeOf(prefix), start_revision: Math.max(1, from), progress_notify: true, fragment: true }
  return stream.watch(request).pipe(
    timeout({ first: patience, with: () => throwError(() => late) }),
    // What it says at the creation is how far this very member is: usually far enough, and nothing need be asked.
    concatMap(response =>
      response.created && !response.canceled && response.revision < from ? concat(reachable(member, prefix, from), of(response)) : of(response),
    ),
    batches(host, from),
    perTurn(joined),
  )
}

/** Follows prefixes; all watches that are open on one member share one stream. */
export const watcher = (members: Members): ((prefix: string, from: Revision) => Observable<Batch>) => {
  const streams = new Map(members.all.map(member => [member, watchStream(member)] as const))
  return (prefix, from) =>
    members.on(member => {
      const stream = streams.get(member) ?? watchStream(member)
      return watchOn(member, stream, prefix, from)
    })
}
