import { inParts } from '../../core/wire/in-parts.js'

/** An event as `text/event-stream` has it. The data is JSON, which has no line breaks; the id is a number and hexadecimal digits. */
export const frame = (event: string, data: string, id?: string): string => `event: ${event}\ndata: ${data}\n${id === undefined ? '' : `id: ${id}\n`}\n`

/** A comment, which readers ignore, but which shows that the connection lives. */
export const comment = (text: string): string => `: ${text}\n\n`

/** Frames of many changes, in parts; the id stands on the last one. Each part is made when it is asked for. */
export function* frames(event: 'listing' | 'batch', dataOf: (changes: readonly string[]) => string, changes: Iterable<string>, id: string): Generator<string, undefined> {
  for (const { rows, isLast } of inParts(changes)) yield frame(event, dataOf(rows), isLast ? id : undefined)
}
