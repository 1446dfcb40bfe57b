import { Observable, type MonoTypeOperatorFunction } from 'rxjs'

/** Spreads starts over time: after every `many` of them, the next ones wait until `pause` calls back, which it must do later and never at once. */
export interface Pace {
  readonly many: number
  readonly pause: (resume: () => void) => unknown
}

const unpaced: Pace = { many: Infinity, pause: () => undefined }

/**
 * Runs at most `limit` at once of all sources that the returned operator is applied to, in the order of their subscription. Sources marked `last` start
 * when no other one waits. A source that is unsubscribed while it waits never starts.
 */
export const concurrencyLimit = (limit: number, { many, pause }: Pace = unpaced): (<A>(last?: boolean) => MonoTypeOperatorFunction<A>) => {
  const waitingFirst = new Set<() => void>()
  const waitingLast = new Set<() => void>()
  let free = limit
  let untilPause = many
  let starting = false
  const resume = (): void => {
    untilPause = many
    startWaiting()
  }
  // in a loop, since sources that end at once would nest one call per waiting source
  const startWaiting = (): void => {
    if (starting) return
    starting = true
    try {
      while (free > 0 && untilPause > 0) {
        const waiting = waitingFirst.size > 0 ? waitingFirst : waitingLast
        const [start] = waiting
        if (start === undefined) break
        waiting.delete(start)
        if (untilPause === many) pause(resume)
        untilPause -= 1
        start()
      }
    } finally {
      starting = false
    }
  }
  return (last = false) => source =>
    new Observable(subscriber => {
      const waiting = last ? waitingLast : waitingFirst
      const start = (): void => {
        free -= 1
        source.subscribe(subscriber)
        // added after the source's own teardown, so that the next source starts when this one is gone
        subscriber.add(() => {
          free += 1
          startWaiting()
        })
      }
      waiting.add(start)
      subscriber.add(() => waiting.delete(start))
      startWaiting()
    })
}
