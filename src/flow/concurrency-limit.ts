import { Observable, type MonoTypeOperatorFunction } from 'rxjs'

/** How many may enter before `pause` calls back, which it does later, never at once. */
export interface Pace {
  readonly many: number
  readonly pause: (resume: () => void) => unknown
}

const unpaced: Pace = { many: Infinity, pause: () => undefined }

/**
 * Lets at most `places` of the sources it is applied to run at once, in the order of their subscription, those that are `last` after all others;
 * whoever leaves while waiting gives up the turn.
 */
export const concurrencyLimit = (places: number, { many, pause }: Pace = unpaced): (<A>(last?: boolean) => MonoTypeOperatorFunction<A>) => {
  const first = new Set<() => void>()
  const rest = new Set<() => void>()
  let free = places
  let left = many
  let admitting = false
  const resume = (): void => {
    left = many
    admit()
  }
  // in a loop, since sources that end at once would nest one admission per waiting one
  const admit = (): void => {
    if (admitting) return
    admitting = true
    try {
      while (free > 0 && left > 0) {
        const waiting = first.size > 0 ? first : rest
        const [enter] = waiting
        if (enter === undefined) break
        waiting.delete(enter)
        if (left === many) pause(resume)
        left -= 1
        enter()
      }
    } finally {
      admitting = false
    }
  }
  return (last = false) => source =>
    new Observable(subscriber => {
      const waiting = last ? rest : first
      const enter = (): void => {
        free -= 1
        source.subscribe(subscriber)
        // after the source's own teardown: the next one begins when this one is gone
        subscriber.add(() => {
          free += 1
          admit()
        })
      }
      waiting.add(enter)
      subscriber.add(() => waiting.delete(enter))
      admit()
    })
}
