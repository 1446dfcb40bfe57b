import { either, flaw, invalid, invalidIf, listOf, must, secret, shown, throwIfInvalid, under, type Check, type Flaw } from './check.js'
import { InvalidArgument } from './errors.js'
import { serviceName } from './instance/names.js'

/** The longest delay that a timer takes, ms; given more, it fires at once. */
export const longestDelay = 2 ** 31 - 1

/** etcd's longest TTL, seconds. */
export const longestTtl = 9_000_000_000

/* Numbers */

const isFrom = (least: number, most: number) => (value: unknown): boolean => typeof value === 'number' && value >= least && value <= most

/** A number within bounds; without a highest one it must be finite. */
export const numberFrom = (least: number, most = Number.MAX_VALUE): Check =>
  must(isFrom(least, most), `be a number from ${least}${most >= Number.MAX_VALUE ? ' on' : ` to ${most}`}`)

/** A duration that a timer can measure, ms. */
export const duration = must(isFrom(0, longestDelay), `be a number of milliseconds from 0 to ${longestDelay}`)

/** A duration, or `Infinity`: for ever. */
export const durationOrForever = either(
  must(isFrom(0, longestDelay), `be a number of milliseconds from 0 to ${longestDelay}, or Infinity`),
  must(value => value === Infinity, 'be Infinity'),
)

/** A duration between two beginnings, which cannot be 0, ms. */
export const period = must(value => isFrom(1, longestDelay)(value) && Number.isInteger(value), `be a whole number of milliseconds from 1 to ${longestDelay}`)

/** A TTL, seconds. */
export const ttlSeconds = must(value => isFrom(1, longestTtl)(value) && Number.isInteger(value), `be a whole number of seconds from 1 to ${longestTtl}`)

/** How many of something there are at least one of; `Infinity`: no limit. */
export const count = must(value => isFrom(1, Infinity)(value) && (Number.isInteger(value) || value === Infinity), 'be a whole number, 1 or more')

/** A share of something, 0 to 1. */
export const share = must(isFrom(0, 1), 'be a number from 0 to 1', value => (isFrom(1, 100)(value) ? `${Number(value)} % is ${Number(value) / 100}` : undefined))

/** A number of percent. A value below 1 is refused, since it was most likely meant as a share. */
export const percent = (most = 100): Check =>
  must(
    value => value === 0 || isFrom(1, most)(value),
    `be a number of percent, 0 or from 1${most === Infinity ? ' on' : ` to ${most}`}`,
    value => (isFrom(0, 1)(value) ? `a share of ${Number(value)} is ${Number(value) * 100} %` : undefined),
  )

/* Other plain values */

/** Any string. */
export const text = must(value => typeof value === 'string', 'be a string')

/** `true` or `false`. */
export const flag = must(value => typeof value === 'boolean', 'be true or false')

/** The names of services. */
export const serviceNames = listOf(serviceName, "a list of service names, such as ['web']")

/* Objects with behaviour */

const has = (value: unknown, ...methods: readonly string[]): boolean =>
  typeof value === 'object' && value !== null && methods.every(method => typeof (value as Readonly<Record<string, unknown>>)[method] === 'function')

/** A getter or a proxy may throw; then the value is not what is asked for. */
const safely = (right: (value: unknown) => boolean) => (value: unknown): boolean => {
  try {
    return right(value)
  } catch {
    return false
  }
}

/** If a function was passed where its result is needed. */
const callIt = (value: unknown): string | undefined => (typeof value === 'function' ? `call it: ${/^\w+$/.test(value.name) ? value.name : 'factory'}()` : undefined)

/** A function; `what` says which, such as `a function that returns an Observable`. */
export const functionOf = (what: string): Check => must(value => typeof value === 'function', `be ${what}`)

const isObservable = safely(value => has(value, 'subscribe', 'pipe'))
const isSignal = safely(value => has(value, 'addEventListener') && typeof (value as { readonly aborted?: unknown }).aborted === 'boolean')
const isReadable = safely(value => has(value, 'list', 'watch', 'check'))
const isWritable = safely(value => isReadable(value) && has(value, 'lease', 'put', 'remaining'))

const isPromise = safely(value => has(value, 'then'))
const isIterable = safely(value => typeof value === 'object' && value !== null && (Symbol.iterator in value || Symbol.asyncIterator in value))

const observableHint = (value: unknown): string | undefined => {
  if (typeof value === 'function') return 'call it, or wrap it: defer(f)'
  if (isSignal(value)) return "fromEvent(signal, 'abort') is one"
  if (isReadable(value)) return 'a registry is none: discover(registry, service) is one'
  return isPromise(value) ? 'from(promise) is one' : undefined
}

/** An Observable. */
export const observable = must(isObservable, 'be an Observable', observableHint)

/** An Observable of sets, as `discover` returns it. */
export const setsObservable = must(isObservable, 'be an Observable of sets, such as discover(registry, service)', observableHint)

/** Anything that `from` of RxJS takes, except strings, which are most likely a mistake. */
export const observableInput = either(
  must(isObservable, 'be an Observable or a Promise', observableHint),
  must(safely(value => isPromise(value) || isIterable(value) || has(value, 'subscribe') || has(value, 'getReader')), 'be something that RxJS can subscribe to'),
)

const hasSignal = safely(value => isSignal((value as { readonly signal?: unknown }).signal))

/** An `AbortSignal`. */
export const abortSignal = must(isSignal, 'be an AbortSignal', value => (hasSignal(value) ? 'pass controller.signal' : undefined))

/** A registry that can be read. */
export const readableRegistry = must(isReadable, 'be a registry, such as etcdRegistry({ hosts })', callIt)

/** A registry that can be written. */
export const registry = must(isWritable, 'be a registry that can be written, such as etcdRegistry({ hosts })', callIt)

/** The instance to register: an object, or an Observable of objects. Its fields are checked when it is written. */
export const instanceInput = must(
  value => typeof value === 'object' && value !== null && !Array.isArray(value) && !isReadable(value),
  'be an instance, such as { service, address }, or an Observable of instances',
  callIt,
)

const isFormat = safely(value => has(value, 'prefix', 'key', 'encode', 'decode'))
const formatText = 'a format, such as native(), or a list of at least one'

/** A format, or a list of at least one. */
export const formats: Check = value => {
  if (isFormat(value)) return undefined
  if (!Array.isArray(value) || value.length === 0) return flaw(`must be ${formatText}`, value, callIt(value))
  return listOf(must(isFormat, 'be a format, such as native()', callIt), formatText)(value)
}

/** A policy of `balance`. */
export const policy = must(
  safely(value => has(value, 'choose') && ((value as { readonly decay?: unknown }).decay === undefined || isFrom(Number.MIN_VALUE, Number.MAX_VALUE)((value as { readonly decay?: unknown }).decay))),
  'be a policy, such as roundRobin(), and its decay a number of milliseconds',
  callIt,
)

/** A backoff. */
export const backoff = must(safely(value => has(value, 'delay')), 'be a backoff, such as exponential()', callIt)

/* Options and arguments by name */

/** A check for each option; TypeScript refuses a table that forgets one. */
export type Checks<O> = { readonly [K in keyof O]-?: Check }

const edits = (a: string, b: string): number => {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index)
  for (let i = 1; i <= a.length; i++) {
    const above = row
    row = [i]
    for (let j = 1; j <= b.length; j++)
      row.push(Math.min((above[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1, (above[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1)))
  }
  return row[b.length] ?? 0
}

/** How many letters two names differ by: none if only case or a unit at the end does, or one contains the other. */
const distance = (name: string, option: string): number => {
  const [a, b] = [name, option].map(each => each.toLowerCase().replace(/[-_]/g, ''))
  if (a === undefined || b === undefined || a === b) return 0
  return a.startsWith(b) || (a.length > 2 && b.startsWith(a)) ? 1 : edits(a, b)
}

/** The option that was most likely meant. */
const meant = (name: string, options: readonly string[]): string | undefined => {
  const [best] = options
    .map(option => ({ option, far: distance(name.slice(0, 40), option) }))
    .filter(({ option, far }) => far <= Math.max(1, Math.floor(option.length / 3)))
    .sort((a, b) => a.far - b.far)
  return best?.option
}

const unknownOption = (verb: string, name: string, options: readonly string[]): Flaw => {
  const close = meant(name, options)
  const hint = close !== undefined ? `did you mean ${close}?` : options.length === 0 ? 'there are none' : `there are ${options.join(', ')}`
  return { path: [name], must: `is not an option of ${verb}`, hint }
}

/** An object of options: names that exist, values that pass. An option that is `undefined` takes its default. */
export const optionsOf = (verb: string, checks: Readonly<Record<string, Check>>, required: readonly string[] = []): Check => {
  const names = Object.keys(checks)
  return value => {
    if (typeof value !== 'object' || value === null || Array.isArray(value) || isObservable(value))
      return flaw('must be an object of options', value, names.length === 0 ? undefined : `${verb} takes them by name: { ${names.join(', ')} }`)
    const options = value as Readonly<Record<string, unknown>>
    for (const name of Object.keys(options))
      if (options[name] !== undefined && !Object.hasOwn(checks, name)) return unknownOption(verb, name, names)
    for (const name of names) {
      const given = options[name]
      if (given === undefined && !required.includes(name)) continue
      const found = under(name, checks[name]?.(given))
      if (found !== undefined) return found
    }
    return undefined
  }
}

/** User name and password. */
export const userAndPassword: Check = optionsOf('auth', { username: text, password: secret(text) }, ['username', 'password'])

const optionsError = ({ path: [name = 'options', ...path], ...found }: Flaw): InvalidArgument => invalid(name, { ...found, path })

/**
 * What is wrong with the options of a verb, which may be absent. The error names the option: `ttl must be …`; `TTL is not an option of register (did
 * you mean ttl?)`. To be called as the verb is subscribed to, before the options are destructured: they may be `null`.
 */
export const invalidOptions = <O extends object>(verb: string, options: O | undefined, checks: Checks<O>, required: readonly (keyof O & string)[] = []): InvalidArgument | undefined => {
  if (options === undefined && required.length === 0) return undefined
  const found = optionsOf(verb, checks, required)(options)
  return found && optionsError(found)
}

/**
 * What is wrong with the arguments of a verb, in their order; `usage` is its signature, such as `register(registry, instance, options)`.
 * If two of them would pass in each other's place, the error reports that they are swapped.
 */
export const invalidArguments = (usage: string, ...given: readonly (readonly [argument: string, check: Check, value: unknown])[]): InvalidArgument | undefined => {
  for (const [argument, check, value] of given) {
    const found = check(value)
    if (found === undefined) continue
    const swapped = given.find(([other, checkOther, otherValue]) => other !== argument && checkOther(value) === undefined && check(otherValue) === undefined)
    const hint = swapped === undefined ? (found.hint ?? `see ${usage}`) : `${argument} and ${swapped[0]} are swapped: ${usage}`
    return invalid(argument, { ...found, hint })
  }
  return undefined
}

/* What other folders call until they use `invalidOptions` and `invalidArguments` */

const firstInvalid = (check: Check, values: Readonly<Record<string, unknown>>): InvalidArgument | undefined => {
  for (const [argument, value] of Object.entries(values)) {
    const wrong = invalidIf(argument, check, value)
    if (wrong !== undefined) return wrong
  }
  return undefined
}

/** What is wrong with durations in ms, by argument name. */
export const checkedDurations = (durations: Readonly<Record<string, number>>): InvalidArgument | undefined => firstInvalid(duration, durations)

/** What is wrong with numbers of things of which there must be one, by argument name. */
export const checkedCounts = (counts: Readonly<Record<string, number>>): InvalidArgument | undefined => firstInvalid(count, counts)

/** What is wrong with a share of something, by argument name. */
export const checkedShare = (shares: Readonly<Record<string, number>>): InvalidArgument | undefined => firstInvalid(share, shares)

/** What is wrong with numbers of percent, by argument name. */
export const checkedPercents = (percents: Readonly<Record<string, number>>, most = 100): InvalidArgument | undefined => firstInvalid(percent(most), percents)

/** What is wrong with the name of a service. */
export const checkedName = (argument: string, name: unknown): InvalidArgument | undefined => invalidIf(argument, serviceName, name)

/** What is wrong with the formats of one service: none, or two that would read the same keys. */
export const checkedFormats = (all: readonly { readonly prefix: (service: string) => string }[], service: string): InvalidArgument | undefined => {
  if (all.length === 0) return new InvalidArgument('format', `must be ${formatText}`)
  const prefixes = all.map(({ prefix }) => prefix(service))
  const twice = prefixes.find((prefix, index) => prefixes.some((other, at) => at !== index && other.startsWith(prefix)))
  return twice === undefined ? undefined : new InvalidArgument('format', `must not be two that read the keys under ${shown(twice)} (give them different prefixes)`)
}

/** A finite number within bounds; throws `InvalidArgument`, for factories. */
export const checkedNumber = (argument: string, value: number, least: number, most?: number): void => throwIfInvalid(invalidIf(argument, numberFrom(least, most), value))
