import type { io } from 'fp-ts'
import { invalidOptions, numberFrom, randomSource } from './arguments.js'
import { oneOf, throwIfInvalid } from './validation.js'

/** How long to wait before the n-th attempt in a row (n from 1, ms), and after how long a healthy run (ms) counting starts over. */
export interface Backoff {
  readonly delay: (attempt: number) => io.IO<number>
  readonly settle: number
}

/** Options of {@link exponential}. */
export interface ExponentialOptions {
  /** The first delay, ms. @default 50 */
  readonly first?: number
  /** By what each next delay is multiplied. @default 2 */
  readonly factor?: number
  /** The longest delay, ms. @default 1000 */
  readonly max?: number
  /** `full`: uniform between 0 and the delay, so that many clients spread out; `none`: the delay itself. @default 'full' */
  readonly jitter?: 'full' | 'none'
  /** A run that lasted this long was healthy: the next delay is the first again, ms. @default 10000 */
  readonly settle?: number
  /** Uniform in [0, 1). @default Math.random */
  readonly random?: io.IO<number>
}

/**
 * Exponential backoff with full jitter (M. Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015). Throws `InvalidArgument`.
 */
export const exponential = (options: ExponentialOptions = {}): Backoff => {
  const milliseconds = numberFrom(0, Infinity)
  const checks = { first: milliseconds, factor: numberFrom(1), max: milliseconds, jitter: oneOf('full', 'none'), settle: milliseconds, random: randomSource }
  throwIfInvalid(invalidOptions('exponential', options, checks))
  // eslint-disable-next-line no-restricted-properties -- the one default; everything else takes it as an argument
  const { first = 50, factor = 2, max = 1000, jitter = 'full', settle = 10_000, random = Math.random } = options
  const ceiling = (attempt: number): number => Math.min(max, first * factor ** Math.max(0, attempt - 1))
  return { settle, delay: attempt => () => (jitter === 'full' ? random() : 1) * ceiling(attempt) }
}
