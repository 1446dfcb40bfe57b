const fieldOf = (value: unknown, field: string): unknown => (typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>)[field] : undefined)

/** Names that many different errors have. */
const vague: ReadonlySet<unknown> = new Set(['Error', 'TypeError', undefined])

/**
 * The `error.type` of an error: its name, such as `TimeoutError`, or, if that says little, its code or that of its cause, such as `ECONNREFUSED`. Never its message,
 * which may hold a secret, and is another one for each instance.
 */
export const errorType = (error: unknown): string => {
  const name = fieldOf(error, 'name')
  const codes = [error, fieldOf(error, 'cause')].map(each => fieldOf(each, 'code'))
  return (vague.has(name) ? [...codes, name] : [name]).find((text): text is string => typeof text === 'string' && /^\w{1,50}$/.test(text)) ?? '_OTHER'
}
