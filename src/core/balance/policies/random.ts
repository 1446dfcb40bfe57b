import type { Policy } from '../policy.js'

/** Any of them, all equally likely. Ignores weights, save 0. */
export const random = (): Policy<undefined> => ({
  initial: undefined,
  choose: ({ size }, state, context) => [Math.floor(context.random() * size), state],
})
