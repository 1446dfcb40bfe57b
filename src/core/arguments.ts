import { either as E } from 'fp-ts'
import { InvalidArgument } from './errors.js'
import type { Format } from './formats/format.js'
import { validName } from './instance/names.js'

/** The longest delay that a timer takes, ms; given more, it fires at once. */
export const longestDelay = 2 ** 31 - 1

/** etcd's longest TTL, seconds. */
export const longestTtl = 9_000_000_000

/** What is wrong with durations in ms, by argument name. */
export const checkedDurations = (durations: Readonly<Record<string, number>>): InvalidArgument | undefined => {
  const wrong = Object.entries(durations).find(([, ms]) => !(ms >= 0 && ms <= longestDelay))
  return wrong && new InvalidArgument(wrong[0], `must be a number of milliseconds from 0 to ${longestDelay}, not ${wrong[1]}`)
}

/** What is wrong with numbers of things of which there must be one, by argument name. */
export const checkedCounts = (counts: Readonly<Record<string, number>>): InvalidArgument | undefined => {
  const wrong = Object.entries(counts).find(([, count]) => !(count >= 1 && (Number.isInteger(count) || count === Infinity)))
  return wrong && new InvalidArgument(wrong[0], `must be a whole number, 1 or more, not ${wrong[1]}`)
}

/** What is wrong with a share of something, by argument name. */
export const checkedShare = (shares: Readonly<Record<string, number>>): InvalidArgument | undefined => {
  const wrong = Object.entries(shares).find(([, share]) => !(share >= 0 && share <= 1))
  return wrong && new InvalidArgument(wrong[0], `must be a number from 0 to 1, not ${wrong[1]}`)
}

/** What is wrong with numbers of percent, by argument name; below 1 it was most likely meant as a share. */
export const checkedPercents = (percents: Readonly<Record<string, number>>, most = 100): InvalidArgument | undefined => {
  const wrong = Object.entries(percents).find(([, percent]) => percent !== 0 && !(percent >= 1 && percent <= most))
  return wrong && new InvalidArgument(wrong[0], `must be a number of percent, 0 or from 1${most === Infinity ? ' on' : ` to ${most}`}, not ${wrong[1]}`)
}

/** What is wrong with a service name or an id. */
export const checkedName = (argument: string, name: unknown): InvalidArgument | undefined => {
  const valid = validName(argument, name)
  return E.isLeft(valid) ? valid.left : undefined
}

/** What is wrong with the formats of one service: none, or two that would read the same keys. */
export const checkedFormats = (formats: readonly Pick<Format, 'prefix'>[], service: string): InvalidArgument | undefined => {
  if (formats.length === 0) return new InvalidArgument('format', 'must be a format, or at least one')
  const prefixes = formats.map(({ prefix }) => prefix(service))
  const twice = prefixes.find((prefix, index) => prefixes.some((other, at) => at !== index && other.startsWith(prefix)))
  return twice === undefined ? undefined : new InvalidArgument('format', `two formats read the keys under ${twice}; give them different prefixes`)
}

/** A finite number within bounds; throws `InvalidArgument`, for factories. */
export const checkedNumber = (argument: string, value: number, least: number, most = Number.MAX_VALUE): void => {
  if (value >= least && value <= most) return
  throw new InvalidArgument(argument, `must be a number from ${least}${most >= Number.MAX_VALUE ? ' on' : ` to ${most}`}, not ${String(value)}`)
}
