import { sendLine } from './outbox.js'
import { textOf } from './text-of.js'

/** Where in the program an error was thrown, if its stack shows that. */
const placeOf = (error: unknown): string => {
  const line = error instanceof Error ? /playground\.ts:(\d+)/.exec(error.stack ?? '')?.[1] : undefined
  return line === undefined ? '' : ` (line ${line})`
}

const helpFor = (text: string): string => (text.includes('module specifier') ? " Import from 'rxjs', 'rx-discovery', its subpaths /formats, /memory and /testing, or 'playground'." : '')

/** Prints an error that nothing handled. */
export const report = (error: unknown): void => {
  const text = textOf(error)
  sendLine({ level: 'error', text: `${text}${placeOf(error)}${helpFor(text)}` })
}
