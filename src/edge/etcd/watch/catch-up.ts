import { exhaustMap, Subscription, type Observable } from 'rxjs'
import { interval, now } from '../../../flow/clock.js'

/** Finds out when the watches of one stream have received all events from before their creation, where no event shows it. */
export interface CatchUp {
  /** Adds a watch, or lets it wait again after it has received events. Calls `caughtUp` once nothing can be under way any more. */
  readonly add: (id: string, caughtUp: () => void) => void
  readonly remove: (id: string) => void
  /** To be called when etcd answers a progress request. */
  readonly answered: () => void
  readonly close: () => void
}

/**
 * How long (ms) a watch must have been without events before a progress request about it counts. Up to 3.4.30 and 3.5.12 the answer may overtake
 * events (etcd-io/etcd#15220); etcd delivers the history of new watches ten times a second.
 */
const quietFor = 1_000
/**
 * The same (ms) for a read, where the server answers no progress request, such as `etcd grpc-proxy`. A read may overtake a history that takes longer to
 * arrive, so it never decides where etcd answers: etcd's answer is behind the events on the stream.
 */
const quietForRead = 3_000
/**
 * How many times longer a watch has to be without events while others on its stream receive their history: its own may wait behind theirs. A window of
 * 30,000 revisions takes seconds to arrive.
 */
const behindOthers = 10
/** The pause (ms) between two progress requests, while a watch is quiet for that long and not confirmed. */
const askEvery = 250

interface Waiting {
  readonly since: number
  /** Whether it has received events while it waited. */
  readonly receives: boolean
  readonly caughtUp: () => void
}

/**
 * Asks for progress, once for all watches of the stream that wait. A watch whose range did not change gets no event, so nothing else would show
 * that its history has been delivered.
 *
 * @param answersProgress Whether the server answers progress requests. If not, `read` decides.
 */
export const catchUp = (answersProgress: () => boolean, askProgress: () => void, read: Observable<unknown>): CatchUp => {
  const watches = new Map<string, Waiting>()
  /** Those about which the last request was sent. */
  let asked: readonly (readonly [string, Waiting])[] = []
  let asking = Subscription.EMPTY

  const remove = (id: string): void => {
    watches.delete(id)
    if (watches.size === 0) asking.unsubscribe()
  }
  const answered = (): void => {
    const confirmed = asked
    asked = []
    for (const [id, waiting] of confirmed) {
      // Events may have arrived since; then the watch waits again.
      if (watches.get(id) !== waiting) continue
      remove(id)
      waiting.caughtUp()
    }
  }
  const ask = (): readonly never[] | Observable<unknown> => {
    const answers = answersProgress()
    const quiet = answers ? quietFor : quietForRead
    const othersReceive = [...watches.values()].some(({ since, receives }) => receives && now() - since < quiet)
    asked = [...watches].filter(([, { since }]) => now() - since >= (othersReceive ? behindOthers * quiet : quiet))
    if (asked.length === 0) return []
    if (!answers) return read
    askProgress()
    return []
  }
  return {
    answered,
    remove,
    add: (id, caughtUp) => {
      watches.set(id, { since: now(), receives: watches.has(id), caughtUp })
      if (watches.size > 1 || !asking.closed) return
      // The read errors only in an outage, which the liveness of the stream reports.
      asking = interval(askEvery).pipe(exhaustMap(ask)).subscribe({ next: answered, error: () => undefined })
    },
    close: () => asking.unsubscribe(),
  }
}
