const isObject = (value: unknown): value is object => typeof value === 'object' && value !== null

/** Whether two values have the same content; errors are compared by class and message. */
const equal = (a: unknown, b: unknown): boolean => {
  if (Object.is(a, b)) return true
  if (!isObject(a) || !isObject(b) || Object.getPrototypeOf(a) !== Object.getPrototypeOf(b)) return false
  if (a instanceof Error && b instanceof Error && a.message !== b.message) return false
  if ((a instanceof Map && b instanceof Map) || (a instanceof Set && b instanceof Set))
    return equal([...(a as Iterable<unknown>)], [...(b as Iterable<unknown>)])
  // an absent field and an undefined one read the same
  const [left, right] = [a, b] as [Record<string, unknown>, Record<string, unknown>]
  return [...new Set([...Object.keys(a), ...Object.keys(b)])].every(key => equal(left[key], right[key]))
}

const show = (value: unknown): string =>
  value instanceof Error
    ? `${value.name}: ${value.message}`
    : value === undefined
      ? 'undefined'
      : JSON.stringify(value, (_, part: unknown) => (part instanceof Error ? show(part) : part))

const line = (message: unknown): string => {
  const { frame, notification: { kind, value, error } = {} } = message as {
    readonly frame?: number
    readonly notification?: { readonly kind?: string; readonly value?: unknown; readonly error?: unknown }
  }
  if (frame === undefined) return show(message)
  return `at ${frame}: ${kind === 'N' ? show(value) : kind === 'E' ? `error ${show(error)}` : 'complete'}`
}

const lines = (messages: unknown): readonly string[] => (Array.isArray(messages) ? messages.map(line) : [line(messages)])

/** Throws unless the two are equal; the message shows line by line the expected and the actual messages. */
export const assertEqual = (actual: unknown, expected: unknown): void => {
  if (equal(actual, expected)) return
  const [came, wanted] = [lines(actual), lines(expected)]
  const marked = (mark: string, row: string | undefined): readonly string[] => (row === undefined ? [] : [`${mark} ${row}`])
  const rows = Array.from({ length: Math.max(came.length, wanted.length) }, (_, i) =>
    came[i] === wanted[i] ? marked(' ', came[i]) : [...marked('-', wanted[i]), ...marked('+', came[i])],
  )
  throw new Error(`not what was expected (-), but this (+):\n${rows.flat().join('\n')}`)
}
