/** An event as `text/event-stream` has it. The data is JSON, which has no line breaks; the id is a number and hexadecimal digits. */
export const frame = (event: string, data: string, id?: string): string => `event: ${event}\ndata: ${data}\n${id === undefined ? '' : `id: ${id}\n`}\n`

/** A comment, which readers ignore, but which shows that the connection lives. */
export const comment = (text: string): string => `: ${text}\n\n`

/** The longest data of one part, in characters; a single change may be longer. */
const longestPart = 64 * 1024 - 512

/** Frames of many changes, in parts; the id stands on the last one. Each part is made when it is asked for. */
export function* frames(event: 'listing' | 'batch', dataOf: (changes: readonly string[]) => string, changes: Iterable<string>, id: string): Generator<string, undefined> {
  let part: string[] = []
  let length = 0
  for (const change of changes) {
    // Up to three bytes a UTF-16 code unit.
    const size = change.length * 3 + 1
    if (part.length > 0 && length + size > longestPart) {
      yield frame(event, dataOf(part))
      part = []
      length = 0
    }
    part.push(change)
    length += size
  }
  yield frame(event, dataOf(part), id)
}
