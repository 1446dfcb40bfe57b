import type { Policy } from '../policy.js'

/** Chooses any instance, all with the same probability. Ignores weights, but for 0. */
export const random = (): Policy<undefined> => ({
  initial: undefined,
  choose: ({ size }, state, context) => [Math.floor(context.random() * size), state],
})
