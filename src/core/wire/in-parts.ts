/** The longest data of one part, in bytes; a single change may be longer. */
const longestPart = 64 * 1024 - 512

/** Some of many changes, each as text. */
export interface Part {
  readonly rows: readonly string[]
  readonly isLast: boolean
}

/** Many changes in parts of bounded length, at least one. Each part is made when it is asked for. */
export function* inParts(changes: Iterable<string>): Generator<Part, undefined> {
  let rows: string[] = []
  let length = 0
  for (const change of changes) {
    // Up to three bytes a UTF-16 code unit.
    const size = change.length * 3 + 1
    if (rows.length > 0 && length + size > longestPart) {
      yield { rows, isLast: false }
      rows = []
      length = 0
    }
    rows.push(change)
    length += size
  }
  yield { rows, isLast: true }
}
