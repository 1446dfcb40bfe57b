import type { Policy } from '../policy.js'

/** Chooses one instance after the other, from a random one on, so that many clients do not start with the same. Ignores weights, but for 0. */
export const roundRobin = (): Policy<number> => ({
  initial: -1,
  choose: ({ size }, next, { random }) => {
    const index = next < 0 ? Math.floor(random() * size) : next < size ? next : 0
    return [index, index + 1]
  },
})
