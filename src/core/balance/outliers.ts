import { duration, notNegative, optionsOrFalse, percent } from '../arguments.js'
import type { Validator } from '../validation.js'

/** Which instances are ejected, for how long, and how many at most (gRFC A50; Envoy, `outlier_detection.proto`). */
export interface OutlierOptions {
  /** Failures in a row; Infinity: never. @default 5 */
  readonly consecutive?: number | undefined
  /** How often rates are checked, ms; 0: never. @default 10000 */
  readonly interval?: number | undefined
  /** The duration of an ejection, times the number of recent ejections, ms. @default 30000 */
  readonly base?: number | undefined
  /** The longest ejection, ms. @default 300000 */
  readonly max?: number | undefined
  /** How many instances may be ejected at once, % of those that are up, but at least one; 0: none. @default 10 */
  readonly share?: number | undefined
  /** So many standard deviations below the mean success rate; Infinity: never. @default 1.9 */
  readonly deviations?: number | undefined
  /** Failures of all calls of an interval, %; Infinity: never. @default 85 */
  readonly failures?: number | undefined
  /** Failures of all calls of an interval, %, while there are fewer than `hosts` instances, and at least twice as many as those of the others; Infinity: never. @default 50, or Infinity if `failures` is */
  readonly few?: number | undefined
  /** How many instances must have had enough calls in an interval, for rates to be compared. @default 5 */
  readonly hosts?: number | undefined
  /** How many calls are enough for a success rate; half of them for `failures`, a tenth for `few`. @default 100 */
  readonly calls?: number | undefined
}

/** All of {@link OutlierOptions}, the defaults included. */
export type Outliers = { readonly [K in keyof OutlierOptions]-?: number }

const off: OutlierOptions = { consecutive: Infinity, deviations: Infinity, failures: Infinity, share: 0 }

/** The options with the defaults. */
export const outliersOf = (options: OutlierOptions | false): Outliers => {
  const { consecutive = 5, interval = 10_000, base = 30_000, max = 300_000, share = 10, deviations = 1.9, failures = 85, hosts = 5, calls = 100, few = failures === Infinity ? Infinity : 50 } = options === false ? off : options
  return { consecutive, interval, base, max, share, deviations, failures, few, hosts, calls }
}

/** {@link OutlierOptions}, or `false`. */
export const outlierOptions: Validator = value =>
  optionsOrFalse<OutlierOptions>('outliers', {
    consecutive: notNegative,
    interval: duration,
    base: duration,
    max: duration,
    share: percent(Infinity),
    deviations: notNegative,
    failures: percent(Infinity),
    few: percent(Infinity),
    hosts: notNegative,
    calls: notNegative,
  })(value)

/** How the calls to an instance ended within an interval. */
export interface Tally {
  readonly successes: number
  readonly failures: number
}

/** The duration of the `times`-th ejection in a row, ms. */
export const ejectionTime = (times: number, { base, max }: Pick<Outliers, 'base' | 'max'>): number => Math.min(base * times, Math.max(base, max))

/** How many of `up` instances may be ejected at once. */
export const ejectable = (up: number, { share }: Pick<Outliers, 'share'>): number => (share === 0 ? 0 : Math.max(1, Math.floor((up * share) / 100)))

const callsOf = ({ successes, failures }: Tally): number => successes + failures
const successRate = (tally: Tally): number => tally.successes / callsOf(tally)
const failurePercent = (tally: Tally): number => (1 - successRate(tally)) * 100

/** The tallies with enough calls, if they are enough to compare. */
const comparable = <T extends Tally>(tallies: readonly T[], calls: number, hosts: number): readonly T[] => {
  const enough = tallies.filter(tally => callsOf(tally) >= Math.max(1, calls))
  return enough.length >= hosts ? enough : []
}

/** The instances whose success rate is far below the mean. */
const below = <T extends Tally>(tallies: readonly T[], { deviations, hosts, calls }: Outliers): readonly T[] => {
  const compared = comparable(tallies, calls, hosts)
  const rates = compared.map(successRate)
  const mean = rates.reduce((sum, rate) => sum + rate, 0) / rates.length
  const deviation = Math.sqrt(rates.reduce((sum, rate) => sum + (rate - mean) ** 2, 0) / rates.length)
  return compared.filter(tally => successRate(tally) < mean - deviation * deviations)
}

/** Of few instances, those that fail often while the others together do not fail half as often: if all fail, the cause is elsewhere. */
const failingOfFew = <T extends Tally>(tallies: readonly T[], { few, calls }: Outliers): readonly T[] => {
  const compared = comparable(tallies, calls / 10, 2)
  const sum = (of: (tally: Tally) => number): number => compared.reduce((total, tally) => total + of(tally), 0)
  const [all, failed] = [sum(callsOf), sum(({ failures }) => failures)]
  return compared.filter(tally => {
    const others = ((failed - tally.failures) / (all - callsOf(tally))) * 100
    return failurePercent(tally) >= few && failurePercent(tally) >= 2 * others
  })
}

/** The instances that do markedly worse than the others, or fail nearly always; the worst first. */
export const outlying = <T extends Tally>(tallies: readonly T[], outliers: Outliers): readonly T[] => {
  const { failures, hosts, calls } = outliers
  const failing = comparable(tallies, calls / 2, hosts).filter(tally => failurePercent(tally) >= failures)
  const failingFew = tallies.length < hosts ? failingOfFew(tallies, outliers) : []
  return [...new Set([...below(tallies, outliers), ...failing, ...failingFew])].sort((a, b) => successRate(a) - successRate(b))
}
