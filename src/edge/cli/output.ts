import type { Host } from './host.js'

/** One event, for people and for programs. */
export interface Line {
  readonly text: string
  readonly json: Readonly<Record<string, unknown>> & { readonly type: string }
}

// Control characters drive the terminal, and marks of direction reorder what is read; keys and errors come from anywhere.
const unprintable = /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu
const escaped = (char: string): string => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`

/** A text that is one line and leaves the terminal alone. In a JSON text the same escapes mean what they stand for. */
export const printable = (text: string): string => text.replace(unprintable, escaped)

/** A moment (epoch ms) as it is written everywhere: UTC, ISO 8601. */
export const moment = (ms: number): string => new Date(ms).toISOString()

/** Prints events, each with its time: as JSON objects, or as lines to read. */
export const printer =
  ({ print }: Pick<Host, 'print'>, json: boolean) =>
  (line: Line): void => {
    const time = moment(Date.now())
    print(`${printable(json ? JSON.stringify({ time, ...line.json }) : `${time} ${line.text}`)}\n`)
  }
