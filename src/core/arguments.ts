import { flaw, invalid, invalidIf, listOf, must, secret, throwIfInvalid, under, type Validator, type Flaw } from './validation.js'
import type { InvalidArgument } from './errors.js'
import { isRecord } from './instance/json.js'
import { serviceName } from './instance/names.js'

/** The longest delay that a timer takes, ms; given more, it fires at once. */
export const longestDelay = 2 ** 31 - 1

/** etcd's longest TTL, seconds. */
const longestTtl = 9_000_000_000

/* Numbers */

const isFrom = (value: unknown, least: number, most: number): value is number => typeof value === 'number' && value >= least && value <= most

const isWhole = (value: unknown): boolean => Number.isInteger(value) || value === Infinity

const range = (least: number, most: number, noun: string, right: (value: unknown) => boolean = () => true): Validator => value =>
  isFrom(value, least, most) && right(value) ? undefined : flaw(`must be a ${noun} from ${least}${most >= Number.MAX_VALUE ? ' on' : ` to ${most}`}`, value)

/** A number within bounds; without a highest one it must be finite. */
export const numberFrom = (least: number, most = Number.MAX_VALUE): Validator => range(least, most, 'number')

/** A duration that a timer can measure, ms. */
export const duration = /* @__PURE__ */ range(0, longestDelay, 'number of milliseconds')

/** A duration, or `Infinity`: for ever. */
export const durationOrForever: Validator = value => {
  const found = value === Infinity ? undefined : duration(value)
  return found && { ...found, must: `${found.must}, or Infinity` }
}

/** A duration between two beginnings, which cannot be 0, ms. */
export const period = /* @__PURE__ */ range(1, longestDelay, 'whole number of milliseconds', isWhole)

/** A TTL, seconds. */
export const ttlSeconds = /* @__PURE__ */ range(1, longestTtl, 'whole number of seconds', isWhole)

/** A number that is not negative; `Infinity` is one. */
export const notNegative = /* @__PURE__ */ must(value => isFrom(value, 0, Infinity), 'be a number, 0 or more')

/** How many of something there are at least one of; `Infinity`: no limit. */
export const count: Validator = value => (isFrom(value, 1, Infinity) && isWhole(value) ? undefined : flaw('must be a whole number, 1 or more', value))

/** A share of something, 0 to 1. */
export const share: Validator = value =>
  isFrom(value, 0, 1) ? undefined : flaw('must be a number from 0 to 1', value, isFrom(value, 1, 100) ? `${value} % is ${value / 100}` : undefined)

/** A number of percent. A value below 1 is refused, since it was most likely meant as a share. */
export const percent = (most = 100): Validator => value =>
  value === 0 || isFrom(value, 1, most)
    ? undefined
    : flaw(
        `must be a number of percent, 0 or from 1${most === Infinity ? ' on' : ` to ${most}`}`,
        value,
        isFrom(value, 0, 1) ? `a share of ${value} is ${value * 100} %` : undefined,
      )

/* Other plain values */

/** Any string. */
export const text = /* @__PURE__ */ must(value => typeof value === 'string', 'be a string')

/** `true` or `false`. */
export const flag = /* @__PURE__ */ must(value => typeof value === 'boolean', 'be true or false')

/** Something to iterate over, but no string. */
export const iterable = (what: string): Validator => must(value => has(value, Symbol.iterator), `be ${what}`)

/** The names of services. */
export const serviceNames = /* @__PURE__ */ listOf(serviceName, "a list of service names, such as ['web']")

/** An object of fields. */
export const anObject = /* @__PURE__ */ must(isRecord, 'be an object')

/* Objects with behaviour */

/** A getter or a proxy may throw; then the value is not what is asked for. */
const fieldOf = (value: unknown, name: PropertyKey): unknown => {
  try {
    return (value as Readonly<Record<PropertyKey, unknown>> | null | undefined)?.[name]
  } catch {
    return undefined
  }
}

const has = (value: unknown, ...methods: readonly PropertyKey[]): boolean =>
  typeof value === 'object' && methods.every(method => typeof fieldOf(value, method) === 'function')

/** If a function was passed where its result is needed. */
export const callIt = (value: unknown): string | undefined => (typeof value === 'function' ? `call it: ${/^\w+$/.test(value.name) ? value.name : 'factory'}()` : undefined)

/** A function; `what` says which, such as `a function that returns an Observable`. */
export const functionOf = (what: string): Validator => must(value => typeof value === 'function', `be ${what}`)

/** A source of random numbers. */
export const randomSource: Validator = value => functionOf('a function that returns a number in [0, 1)')(value)

const isObservable = (value: unknown): boolean => has(value, 'subscribe', 'pipe')
/** Whether a value is an `AbortSignal`. */
export const isSignal = (value: unknown): value is AbortSignal => has(value, 'addEventListener') && typeof fieldOf(value, 'aborted') === 'boolean'
const isReadable = (value: unknown): boolean => has(value, 'list', 'watch', 'check')
const isWritable = (value: unknown): boolean => isReadable(value) && has(value, 'lease', 'put', 'remaining')
const isFormat = (value: unknown): boolean => has(value, 'prefix', 'key', 'encode', 'decode')
const isInput = (value: unknown): boolean => ['then', 'subscribe', 'getReader', Symbol.iterator, Symbol.asyncIterator].some(method => has(value, method))

const observableHint = (value: unknown): string | undefined => {
  if (typeof value === 'function') return 'call it, or wrap it: defer(f)'
  if (isSignal(value)) return "fromEvent(signal, 'abort') is one"
  if (isReadable(value)) return 'a registry is none: discover(registry, service) is one'
  return has(value, 'then') ? 'from(promise) is one' : undefined
}

/** An Observable. */
export const observable = /* @__PURE__ */ must(isObservable, 'be an Observable', observableHint)

/** An Observable of sets, as `discover` returns it. */
export const setsObservable = /* @__PURE__ */ must(isObservable, 'be an Observable of sets, such as discover(registry, service)', observableHint)

/** Anything that `from` of RxJS takes, except strings, which are most likely a mistake. */
export const observableInput = /* @__PURE__ */ must(isInput, 'be an Observable or a Promise', observableHint)

/** An `AbortSignal`. */
export const abortSignal = /* @__PURE__ */ must(isSignal, 'be an AbortSignal', value => (isSignal(fieldOf(value, 'signal')) ? 'pass controller.signal' : undefined))

/** A registry that can be read. */
export const readableRegistry = /* @__PURE__ */ must(isReadable, 'be a registry, such as etcdRegistry({ hosts })', callIt)

/** A registry that can be written. */
export const registry = /* @__PURE__ */ must(isWritable, 'be a registry that can be written, such as etcdRegistry({ hosts })', callIt)

/** The instance to register: an object, or an Observable of objects. Its fields are checked when it is written. */
export const instanceInput = /* @__PURE__ */ must(
  value => typeof value === 'object' && value !== null && !Array.isArray(value) && !isReadable(value),
  'be an instance, such as { service, address }, or an Observable of instances',
  callIt,
)

const formatText = 'a format, such as native(), or a list of at least one'
const oneFormat = /* @__PURE__ */ must(isFormat, 'be a format, such as native()', callIt)

/** A format, or a list of at least one. */
export const formats: Validator = value => {
  if (isFormat(value)) return undefined
  return Array.isArray(value) && value.length > 0 ? listOf(oneFormat, formatText)(value) : flaw(`must be ${formatText}`, value, callIt(value))
}

/** A policy of `balance`. */
export const policy = /* @__PURE__ */ must(
  value => {
    const decay = fieldOf(value, 'decay')
    return has(value, 'choose') && (decay === undefined || isFrom(decay, Number.MIN_VALUE, Number.MAX_VALUE))
  },
  'be a policy, such as roundRobin(), and its decay a number of milliseconds',
  callIt,
)

/** A backoff. */
export const backoff = /* @__PURE__ */ must(value => has(value, 'delay'), 'be a backoff, such as exponential()', callIt)

/* Options and arguments by name */

/** A check for each option; TypeScript refuses a table that forgets one. */
export type Checks<O> = { readonly [K in keyof O]-?: Validator }

const bare = (name: string): string => name.slice(0, 40).toLowerCase().replace(/[-_]/g, '')

/** How many letters two names begin with in common. */
const common = (a: string, b: string): number => {
  let length = 0
  while (length < a.length && a[length] === b[length]) length++
  return length
}

/** The option that was most likely meant: it begins like the name, for half of its length or more. */
const meant = (name: string, options: readonly string[]): string | undefined => {
  const alike = (option: string): number => common(bare(name), bare(option)) / option.length
  const [best = ''] = [...options].sort((a, b) => alike(b) - alike(a))
  return alike(best) >= 0.5 ? best : undefined
}

const unknownOption = (verb: string, name: string, options: readonly string[]): Flaw => {
  const close = meant(name, options)
  const hint = close !== undefined ? `did you mean ${close}?` : options.length === 0 ? 'there are none' : `there are ${options.join(', ')}`
  return { path: [name], must: `is not an option of ${verb}`, hint }
}

/** Nested options of which `false` turns everything off. */
export const optionsOrFalse = <O>(name: string, checks: Checks<O>): Validator => {
  const options = optionsOf(name, checks)
  return value => (value === false ? undefined : options(value))
}

/** An object of options: names that exist, values that pass. An option that is `undefined` takes its default. */
export const optionsOf = (verb: string, checks: Readonly<Record<string, Validator>>, required: readonly string[] = []): Validator => {
  const names = Object.keys(checks)
  return value => {
    if (!isRecord(value) || isObservable(value))
      return flaw('must be an object of options', value, names.length === 0 ? undefined : `${verb} takes them by name: { ${names.join(', ')} }`)
    for (const name of Object.keys(value))
      if (value[name] !== undefined && !Object.hasOwn(checks, name)) return unknownOption(verb, name, names)
    for (const name of names) {
      const given = value[name]
      if (given === undefined && !required.includes(name)) continue
      const found = under(name, checks[name]?.(given))
      if (found !== undefined) return found
    }
    return undefined
  }
}

/** User name and password. Of anything else, only the type is shown. */
export const userAndPassword: Validator = value => {
  const both = optionsOf('auth', { username: secret(text), password: secret(text) }, ['username', 'password'])
  return (isRecord(value) ? both : secret(both))(value)
}

/**
 * What is wrong with the options of a verb, which may be absent. The error names the option: `ttl must be …`; `TTL is not an option of register (did
 * you mean ttl?)`. To be called as the verb is subscribed to, before the options are destructured: they may be `null`.
 */
export const invalidOptions = <O extends object>(verb: string, options: O | undefined, checks: Checks<O>, required: readonly (keyof O & string)[] = []): InvalidArgument | undefined => {
  if (options === undefined && required.length === 0) return undefined
  const found = optionsOf(verb, checks, required)(options)
  if (found === undefined) return undefined
  const [name = 'options', ...path] = found.path
  return invalid(name, { ...found, path })
}

/**
 * What is wrong with the arguments of a verb, in their order; `usage` is its signature, such as `register(registry, instance, options)`.
 * If two of them would pass in each other's place, the error reports that they are swapped.
 */
export const invalidArguments = (usage: string, ...given: readonly (readonly [argument: string, check: Validator, value: unknown])[]): InvalidArgument | undefined => {
  for (const [argument, check, value] of given) {
    const found = check(value)
    if (found === undefined) continue
    const swapped = given.find(([other, checkOther, otherValue]) => other !== argument && checkOther(value) === undefined && check(otherValue) === undefined)
    const hint = swapped === undefined ? (found.hint ?? `see ${usage}`) : `${argument} and ${swapped[0]} are swapped: ${usage}`
    return invalid(argument, { ...found, hint })
  }
  return undefined
}

/* For values that are checked one by one */

/** A finite number within bounds; throws `InvalidArgument`, for factories. */
export const checkedNumber = (argument: string, value: number, least: number, most?: number): void => throwIfInvalid(invalidIf(argument, numberFrom(least, most), value))
