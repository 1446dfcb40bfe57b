import { either as E } from 'fp-ts'
import { InvalidArgument } from './errors.js'

/** What is wrong with a value. Its parts are kept apart, since a message may show the value to its author, and must not show it to anyone else. */
export interface Flaw {
  /** Where it is, field by field from the checked value down; empty: the checked value itself. */
  readonly path: readonly string[]
  /** What would be right, such as `must be host:port`. */
  readonly must: string
  /** The wrong value in a few printable characters; absent if it must not be shown. */
  readonly got?: string | undefined
  /** How to correct it, or where to look. */
  readonly hint?: string | undefined
  /** The whole reason, if another program has found it. @default made of path and must */
  readonly reason?: string | undefined
}

/**
 * Finds what is wrong with a value; total. It returns no `Either`, since a value that passes needs no conversion: `??` tries one check after the other,
 * and a check that passes allocates nothing. Decoding, which makes another value, returns `Either`.
 */
export type Validator = (value: unknown) => Flaw | undefined

const longestShown = 60

const printable = (text: string): string => text.replace(/[\u007f-\u009f]/g, unit => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)

/** A string in quotes, cut, without the part before an `@`, which may be a password. */
const quoted = (text: string): string => {
  const head = text.length > 2_000 ? text.slice(0, 2_000) : text
  const safe = head.replace(/^[^]*@/, '…@')
  return printable(JSON.stringify(safe.length > longestShown ? `${safe.slice(0, longestShown)}…` : safe))
}

const withArticle = (noun: string): string => `${/^[aeio]/i.test(noun) ? 'an' : 'a'} ${noun}`

const classOf = (value: object): string => {
  const prototype = Object.getPrototypeOf(value) as { readonly constructor?: { readonly name?: unknown } } | null
  const name = prototype?.constructor?.name
  return typeof name === 'string' && /^[\w$]{1,40}$/.test(name) ? name : 'Object'
}

const shownObject = (value: object): string => {
  if (Array.isArray(value)) {
    const items = value.slice(0, 3).map(item => (typeof item === 'object' && item !== null ? '…' : quotedValue(item)))
    return `[${[...items, ...(value.length > 3 ? ['…'] : [])].join(', ')}]`
  }
  const name = classOf(value)
  if (name !== 'Object') return withArticle(name)
  const fields = Object.keys(value)
  const some = fields.slice(0, 3).map(field => printable(JSON.stringify(field.slice(0, 20)).slice(1, -1)))
  return fields.length === 0 ? '{}' : `{ ${[...some, ...(fields.length > 3 ? ['…'] : [])].join(', ')} }`
}

/** A wrong value in a few printable characters, for a message: text is cut and shows no password of a URL, an object shows only its fields' names. */
export const quotedValue = (value: unknown): string => {
  // a proxy or a getter may throw
  try {
    switch (typeof value) {
      case 'string':
        return quoted(value)
      case 'bigint':
        return `${value}n`
      case 'symbol':
        return 'a symbol'
      case 'function':
        return /^[\w$]{1,40}$/.test(value.name) ? `the function ${value.name}` : 'a function'
      case 'object':
        return value === null ? 'null' : shownObject(value)
      case 'number':
      case 'boolean':
      case 'undefined':
        return Object.is(value, -0) ? '-0' : String(value)
    }
  } catch {
    return 'a value that cannot be shown'
  }
}

/** A flaw of the value itself: what would be right, and how to correct it. */
export const flaw = (must: string, value: unknown, hint?: string): Flaw => ({ path: [], must, got: quotedValue(value), hint })

/** A flaw at a field of the checked value. */
export const under = (field: string, found: Flaw | undefined): Flaw | undefined => found && { ...found, path: [field, ...found.path] }

/** A check as a step of a decoding: the value itself, if it passes. */
export const passing =
  (check: Validator) =>
  <A>(value: A): E.Either<Flaw, A> => {
    const found = check(value)
    return found === undefined ? E.right(value) : E.left(found)
  }

/** The next step of a decoding. It is `E.flatMap` without the copies of its arguments that fp-ts makes: these made a decoding five times as slow. */
export const andThen = <A, B>(next: (value: A) => E.Either<Flaw, B>): ((before: E.Either<Flaw, A>) => E.Either<Flaw, B>) => E.match(E.left, next)

const deepest = 6

/** The name of a field: its path, cut where it is deep, in printable characters. */
const named = (path: readonly string[]): string =>
  (path.length > deepest ? [...path.slice(0, deepest), '…'] : path)
    .filter(name => name !== '')
    .map(name => printable(JSON.stringify(name.length > longestShown ? `${name.slice(0, longestShown)}…` : name).slice(1, -1)))
    .join('.')

/** One sentence without the value: for a value of another author, which may hold a secret. `subject` stands for the whole value. */
export const reasonOf = ({ path, must, reason }: Flaw, subject = ''): string => reason ?? [named(path) || subject, must].filter(part => part !== '').join(' ')

/** The error that names an argument: what would be right, the value, how to correct it. */
export const invalid = (argument: string, { path, must, got, hint }: Flaw): InvalidArgument =>
  new InvalidArgument(named([argument, ...path]), `${must}${got === undefined ? '' : `, got ${got}`}${hint === undefined ? '' : ` (${hint})`}`)

/** The error about an argument that fails its check. */
export const invalidIf = (argument: string, check: Validator, value: unknown): InvalidArgument | undefined => {
  const found = check(value)
  return found && invalid(argument, found)
}

/** Throws what is wrong, if anything; for factories, which have no Observable to report on. */
export const throwIfInvalid = (wrong: InvalidArgument | undefined): void => {
  if (wrong !== undefined) throw wrong
}

/** A check by a predicate; `hint` may depend on the value. */
export const must = (right: (value: unknown) => boolean, text: string, hint?: string | ((value: unknown) => string | undefined)): Validator => {
  const message = `must ${text}`
  return value => (right(value) ? undefined : flaw(message, value, typeof hint === 'function' ? hint(value) : hint))
}

/** Passes what passes one of the checks; the flaw is that of the first one. */
export const either =
  (first: Validator, ...others: readonly Validator[]): Validator =>
  value => {
    const found = first(value)
    return found === undefined || others.some(check => check(value) === undefined) ? undefined : found
  }

/** Passes what passes each of the checks; the flaw is that of the first one that fails. */
export const every =
  (...checks: readonly Validator[]): Validator =>
  value => {
    for (const check of checks) {
      const found = check(value)
      if (found !== undefined) return found
    }
    return undefined
  }

/** Reports only the kind of a wrong value, never the value: for passwords and keys. */
export const secret =
  (check: Validator): Validator =>
  value => {
    const found = check(value)
    return found && { ...found, got: found.path.length > 0 ? undefined : value === null || value === undefined ? String(value) : withArticle(typeof value) }
  }

/** An array whose items all pass. */
export const listOf = (item: Validator, text: string): Validator => {
  const list = must(Array.isArray, `be ${text}`)
  return value => {
    const found = list(value)
    if (found !== undefined) return found
    const items = value as readonly unknown[]
    for (let index = 0; index < items.length; index++) {
      const wrong = under(String(index), item(items[index]))
      if (wrong !== undefined) return wrong
    }
    return undefined
  }
}

/** One of a few strings. */
export const oneOf = (...values: readonly string[]): Validator => {
  const quotes = values.map(value => JSON.stringify(value))
  const text = [quotes.slice(0, -1).join(', '), ...quotes.slice(-1)].filter(part => part !== '').join(' or ')
  return must(value => typeof value === 'string' && values.includes(value), `be ${text}`)
}
