import type { io } from 'fp-ts'
import { InvalidArgument } from './errors.js'

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

/** Exponential backoff with full jitter (M. Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015). */
export const exponential = ({
  first = 50,
  factor = 2,
  max = 1000,
  jitter = 'full',
  settle = 10_000,
  // eslint-disable-next-line no-restricted-properties -- the one default; everything else takes it as an argument
  random = Math.random,
}: ExponentialOptions = {}): Backoff => {
  for (const [name, value] of Object.entries({ first, max, settle }))
    if (!(value >= 0)) throw new InvalidArgument(name, `must be a number of milliseconds, 0 or more, not ${value}`)
  if (!(factor >= 1)) throw new InvalidArgument('factor', `must be 1 or more, not ${factor}`)
  const ceiling = (attempt: number): number => Math.min(max, first * factor ** Math.max(0, attempt - 1))
  return { settle, delay: attempt => () => (jitter === 'full' ? random() : 1) * ceiling(attempt) }
}
