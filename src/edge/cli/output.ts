import type { Host } from './host.js'

/** One event: as text to read, and as a JSON object. */
export interface Line {
  readonly text: string
  readonly json: Readonly<Record<string, unknown>> & { readonly type: string }
}

// Control characters drive the terminal, and bidirectional marks reorder text. Keys and errors may contain both.
const unprintable = /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu
const escaped = (char: string): string => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`

/** Escapes a text, so that it is one line and cannot drive the terminal. JSON stays valid and keeps its meaning. */
export const printable = (text: string): string => text.replace(unprintable, escaped)

/** A time (epoch ms) in ISO 8601, UTC. */
export const moment = (ms: number): string => new Date(ms).toISOString()

/** Prints events, each with the current time, as JSON objects or as text. */
export const printer =
  ({ print }: Pick<Host, 'print'>, json: boolean) =>
  (line: Line): void => {
    const time = moment(Date.now())
    print(`${printable(json ? JSON.stringify({ time, ...line.json }) : `${time} ${line.text}`)}\n`)
  }
