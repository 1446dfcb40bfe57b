import type { Observable } from 'rxjs'
import { toError } from '../../core/errors.js'
import type { ReplayRegistry } from '../../flow/recording/replay-registry.js'
import { virtually } from './virtually.js'

/** A value, and the time in the recording at which it was emitted, epoch ms. */
export interface PlayedValue<A> {
  readonly at: number
  readonly value: A
}

/** All that a source emits while a recording is played from its beginning to its end, in virtual time. Throws the error of the source. */
export const playedThrough = <A>(registry: ReplayRegistry, source: Observable<A>): readonly PlayedValue<A>[] => {
  const values: PlayedValue<A>[] = []
  virtually(({ advance }) => {
    const playing = source.subscribe({
      next: value => values.push({ at: registry.now(), value }),
      error: (thrown: unknown) => {
        throw toError(thrown)
      },
    })
    advance(registry.to - registry.from)
    playing.unsubscribe()
  })
  return values
}
