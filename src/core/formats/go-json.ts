import { either as E, function as F } from 'fp-ts'
import { andThen, flaw, under, type Flaw, type Validator } from '../validation.js'
import { isRecord, parseJson } from '../instance/json.js'

const escaped = (unit: string): string => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`

/** The order in which Go sorts strings: by their bytes, which is that of their code points. */
const byCodePoint = (a: string, b: string): number => {
  let at = 0
  while (at < a.length && a[at] === b[at]) at++
  // The halves of a surrogate pair come after all other units, except those from U+E000 on.
  const rank = (text: string): number => {
    const unit = at < text.length ? text.charCodeAt(at) : -1
    return unit >= 0xd800 && unit < 0xe000 ? unit + 0x10000 : unit
  }
  return rank(a) - rank(b)
}

/** An object as Go writes a map: its entries by name, and so the objects within it. An object cannot keep this order, since it puts numbers first. */
export const goMap = (value: Readonly<Record<string, unknown>>): ReadonlyMap<string, unknown> =>
  new Map(Object.keys(value).sort(byCodePoint).map(name => [name, mapsWithin(value[name])]))

/** A JSON value whose objects are maps. */
export const mapsWithin = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(mapsWithin)
  return isRecord(value) ? goMap(value) : value
}

const textOf = (value: unknown): string => {
  if (Array.isArray(value)) return `[${value.map(item => textOf(item ?? null)).join(',')}]`
  if (!isRecord(value)) return JSON.stringify(value)
  const fields = [...(value instanceof Map ? (value as ReadonlyMap<string, unknown>) : Object.entries(value))]
  return `{${fields.flatMap(([name, field]) => (field === undefined ? [] : [`${JSON.stringify(name)}:${textOf(field)}`])).join(',')}}`
}

/** A JSON text with the escapes of Go's `encoding/json`, so that both sides write the same bytes. Source: golang/go, src/encoding/json/encode.go, `appendString`. */
export const goJson = (value: unknown): string => textOf(value).replace(/[&<>\u2028\u2029]/g, escaped)

/** A JSON text with the escapes of Java's Gson. Source: google/gson, stream/JsonWriter.java, `HTML_SAFE_REPLACEMENT_CHARS`. */
export const gsonJson = (value: unknown): string => textOf(value).replace(/[&<>='\u2028\u2029]/g, escaped)

/** What Go makes of a field that is absent or `null`: nothing, whatever its type. */
export type GoFields<S> = { readonly [K in keyof S]?: S[K] | null }

/** A whole number; it may exceed 2^53, and is then inexact. */
export const wholeNumber: Validator = value => (typeof value === 'number' && Number.isInteger(value) ? undefined : flaw('must be a whole number', value))

/** Reads a JSON object whose known fields pass their checks, or are `null` or absent; unknown fields are ignored. */
export const goFields = <S>(checks: { readonly [K in keyof S]-?: Validator }): ((text: string) => E.Either<Flaw, GoFields<S>>) => {
  const all = Object.entries(checks) as readonly (readonly [string, Validator])[]
  const found = (value: unknown): Flaw | undefined => {
    if (!isRecord(value)) return flaw('must be a JSON object', value)
    for (const [name, check] of all) {
      const field = Object.hasOwn(value, name) ? value[name] : undefined
      const wrong = field === undefined || field === null ? undefined : under(name, check(field))
      if (wrong !== undefined) return wrong
    }
    return undefined
  }
  return text =>
    F.pipe(
      parseJson(text),
      andThen(value => {
        const wrong = found(value)
        return wrong === undefined ? E.right(value as GoFields<S>) : E.left(wrong)
      }),
    )
}
