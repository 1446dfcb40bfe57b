import { wellFormed, type Revision } from '../../core/store.js'
import type { Host } from './host.js'

/** One event: as text to read, and as a JSON object. */
export interface Line {
  readonly text: string
  readonly json: Readonly<Record<string, unknown>> & { readonly type: string }
}

// Control characters drive the terminal, and bidirectional marks reorder text. Keys and errors may contain both.
const unprintable = /[\p{Cc}\p{Zl}\p{Zp}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu
const escaped = (char: string): string => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`

/** Escapes a text, so that it is one line and cannot drive the terminal. JSON stays valid and keeps its meaning. A lone surrogate, which UTF-8 cannot carry, becomes `\ufffd`. */
export const printable = (text: string): string => wellFormed(text).replace(unprintable, escaped)

/** The JSON of a value on one line. `JSON.stringify` escapes lone surrogates, and many parsers refuse such an escape; here they become `\ufffd`. */
export const printableJson = (value: unknown): string =>
  printable(JSON.stringify(value).replace(/\\(?:(ud[89a-f][0-9a-f]{2})|.)/g, (escape, surrogate: string | undefined) => (surrogate === undefined ? escape : '\ufffd')))

/** A time (epoch ms) in ISO 8601, UTC. */
export const moment = (ms: number): string => new Date(ms).toISOString()

/** Prints events of a service, each with its revision. One that happens now has the current time in JSON; etcd keeps no times of the past. */
export const eventPrinter =
  ({ print }: Pick<Host, 'print'>, json: boolean) =>
  (revision: Revision, line: Line, live: boolean): void => {
    const fields = { ...(revision > 0 && { revision }), ...(live && { time: moment(Date.now()) }), ...line.json }
    print(`${json ? printableJson(fields) : printable(`${revision > 0 ? `${revision} ` : ''}${line.text}`)}\n`)
  }

/** Prints events, each with the time, as JSON objects or as text. `now`: epoch ms, by default the current time. */
export const printer =
  ({ print }: Pick<Host, 'print'>, json: boolean, now: () => number = Date.now) =>
  (line: Line): void => {
    const time = moment(now())
    print(`${json ? printableJson({ time, ...line.json }) : printable(`${time} ${line.text}`)}\n`)
  }
