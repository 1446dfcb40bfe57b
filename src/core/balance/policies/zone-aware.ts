import { percent } from '../../arguments.js'
import { invalidIf, throwIfInvalid } from '../../validation.js'
import type { Candidates, Outcome, Policy } from '../policy.js'

/** Options of {@link zoneAware}. */
export interface ZoneAwareOptions {
  /** A zone is left if fewer of its instances that are up can be chosen, %. @default 50 */
  readonly panic?: number | undefined
}

interface Zoned<S> {
  readonly near: S
  readonly far: S
}

/**
 * Chooses within the caller's own zone, then within further zones in order (gRFC A56); among all instances if none of these zones has any, or all are below
 * the threshold. The option `zone` of `balance` names the zones.
 */
export const zoneAware = <S, M = unknown>(policy: Policy<S, M>, { panic = 50 }: ZoneAwareOptions = {}): Policy<Zoned<S>, M> => {
  throwIfInvalid(invalidIf('panic', percent(), panic))
  const { initial, choose, learn, ...rest } = policy
  const serves = ({ size, up }: Candidates<M>): boolean => size > 0 && size * 100 >= up * panic
  return {
    ...rest,
    initial: { near: initial, far: initial },
    choose: (candidates, { near, far }, context) => {
      for (const zone of context.zones) {
        const inZone = candidates.in(zone)
        if (!serves(inZone)) continue
        const [index, next] = choose(inZone, near, context)
        const chosen = index === undefined ? undefined : inZone.at(index)
        return [chosen && candidates.indexOf(chosen.id), { near: next, far }]
      }
      const [index, next] = choose(candidates, far, context)
      return [index, { near, far: next }]
    },
    ...(learn && { learn: ({ near, far }: Zoned<S>, outcome: Outcome<M>) => ({ near: learn(near, outcome), far: learn(far, outcome) }) }),
  }
}
