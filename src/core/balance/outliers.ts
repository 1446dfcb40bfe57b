import { checkedDurations, checkedPercents } from '../arguments.js'
import { InvalidArgument } from '../errors.js'

/** Who is ejected, for how long, and how many at most (gRFC A50; Envoy, `outlier_detection.proto`). */
export interface OutlierOptions {
  /** Failures in a row; Infinity: never. @default 5 */
  readonly consecutive?: number
  /** How often rates are looked at, ms. @default 10000 */
  readonly interval?: number
  /** For how long, times how often it was ejected lately, ms. @default 30000 */
  readonly base?: number
  /** For how long at most, ms. @default 300000 */
  readonly max?: number
  /** How many at once at most, % of those up, but always one. @default 10 */
  readonly share?: number
  /** So many standard deviations below the mean success rate; Infinity: never. @default 1.9 */
  readonly deviations?: number
  /** Or failures of all calls of an interval, %; Infinity: never. @default 85 */
  readonly failures?: number
  /** How many must have had enough calls in an interval, for rates to say anything. @default 5 */
  readonly hosts?: number
  /** How many calls are enough for a success rate; half of them for the failures. @default 100 */
  readonly calls?: number
}

/** All of {@link OutlierOptions}, the defaults included. */
export type Outliers = Required<OutlierOptions>

/** With the defaults. */
export const outliersOf = (options: OutlierOptions | false): Outliers => ({
  consecutive: Infinity,
  deviations: Infinity,
  failures: Infinity,
  interval: 10_000,
  base: 30_000,
  max: 300_000,
  share: 10,
  hosts: 5,
  calls: 100,
  ...(options !== false && { consecutive: 5, deviations: 1.9, failures: 85, ...options }),
})

/** What is wrong with them. */
export const checkedOutliers = ({ interval, base, max, share, failures, ...numbers }: Outliers): InvalidArgument | undefined => {
  const wrong = Object.entries(numbers).find(([, value]) => !(value >= 0))
  return wrong === undefined
    ? (checkedDurations({ 'outliers.interval': interval, 'outliers.base': base, 'outliers.max': max }) ?? checkedPercents({ 'outliers.share': share, 'outliers.failures': failures }, Infinity))
    : new InvalidArgument(`outliers.${wrong[0]}`, `must be a number, 0 or more, not ${String(wrong[1])}`)
}

/** How the calls to one ended within an interval. */
export interface Tally {
  readonly successes: number
  readonly failures: number
}

/** How long the `times`-th ejection in a row lasts, ms. */
export const ejectionTime = (times: number, { base, max }: Pick<Outliers, 'base' | 'max'>): number => Math.min(base * times, Math.max(base, max))

/** How many of `up` may be ejected at once. */
export const ejectable = (up: number, { share }: Pick<Outliers, 'share'>): number => Math.max(1, Math.floor((up * share) / 100))

const callsOf = ({ successes, failures }: Tally): number => successes + failures
const successRate = (tally: Tally): number => tally.successes / callsOf(tally)

/** Who had enough calls, if they are enough to compare. */
const heard = <T extends Tally>(tallies: readonly T[], calls: number, hosts: number): readonly T[] => {
  const enough = tallies.filter(tally => callsOf(tally) >= Math.max(1, calls))
  return enough.length >= hosts ? enough : []
}

/** Who does markedly worse than the others, or fails nearly always; the worst first. */
export const outlying = <T extends Tally>(tallies: readonly T[], { deviations, failures, hosts, calls }: Outliers): readonly T[] => {
  const compared = heard(tallies, calls, hosts)
  const rates = compared.map(successRate)
  const mean = rates.reduce((sum, rate) => sum + rate, 0) / rates.length
  const deviation = Math.sqrt(rates.reduce((sum, rate) => sum + (rate - mean) ** 2, 0) / rates.length)
  const worse = compared.filter(tally => successRate(tally) < mean - deviation * deviations)
  const failing = heard(tallies, calls / 2, hosts).filter(tally => (1 - successRate(tally)) * 100 >= failures)
  return [...new Set([...worse, ...failing])].sort((a, b) => successRate(a) - successRate(b))
}
