import type { Outcome } from './outcome.js'
import type { Setting, Stage } from './stage.js'

/** A fault, and what has to come of it. */
export interface Row {
  readonly group: string
  readonly name: string
  readonly setting?: Setting
  /** Whether it is part of the short core that runs with the tests. */
  readonly core?: boolean
  /** Why it cannot be played here, if so. */
  readonly missing?: () => string | undefined
  /** How often it strikes, one after another. @default 1 */
  readonly times?: number
  /** What comes before, while all is well; only what is told from the strike on counts. */
  readonly before?: (stage: Stage) => unknown
  /** The fault begins. */
  readonly strike: (stage: Stage) => unknown
  /** How long it lasts, ms. @default 0 */
  readonly last?: number
  /** Whether all has to be right again while the fault lasts; its end then comes after that. @default false */
  readonly meanwhile?: boolean
  /** The fault ends. */
  readonly lift?: (stage: Stage) => unknown
  /** How long (ms) it may take until it is noticed, where there is something to notice. @default the TTL */
  readonly noticed?: number
  /** How long (ms) it may take until all is right again; a bound for noisy machines, the measured value is in the matrix. @default 5000 */
  readonly right?: number
  /** What is over by it: our registration alone, or all that our process does. It is *right again* when that has completed, counted from the end of the strike. */
  readonly over?: 'registration' | 'process'
  /** What else has to hold; each complaint is a failure. */
  readonly judge?: (outcome: Outcome, stage: Stage) => readonly string[] | Promise<readonly string[]>
  /** A word in the matrix on what is special here. */
  readonly remark?: string
}
