import { Subject, type Observable, type Subscription } from 'rxjs'
import { shareLatest } from '../share-latest.js'

/** A source that runs while somebody holds it, and for a while after. */
export interface FollowedSets {
  /** Holds it until the returned function is called. */
  readonly hold: () => () => void
  /** What it failed with, until it is held anew. */
  readonly failure: () => { readonly error: unknown } | undefined
  /** Something came, or it failed. */
  readonly news: Subject<void>
}

/** Runs `source` for all that hold it, `linger` ms longer than the last of them. */
export const followedSets = (source: Observable<unknown>, linger: number): FollowedSets => {
  const running = source.pipe(shareLatest(linger))
  const news = new Subject<void>()
  let holders = 0
  let held: Subscription | undefined
  let failure: { readonly error: unknown } | undefined
  return {
    news,
    failure: () => failure,
    hold: () => {
      holders += 1
      if (held === undefined || failure !== undefined) {
        failure = undefined
        held = running.subscribe({
          next: () => news.next(),
          error: (error: unknown) => {
            failure = { error }
            news.next()
          },
        })
      }
      return () => {
        holders -= 1
        if (holders > 0) return
        held?.unsubscribe()
        held = undefined
      }
    },
  }
}
