import { mostPerMessage, type FrameMessage, type Line, type Marble } from '../messages.js'

/** How often marbles and lines are sent, ms. */
const every = 25

const began = performance.now()
/** How long the run lasts, ms. */
export const elapsed = (): number => performance.now() - began

/** Sends a message to the page. */
export const send = (message: FrameMessage): void => parent.postMessage(message, '*')

/** Collects values, and sends at most `mostPerMessage` of them at a time: a program may emit faster than a page can draw. */
const collected = <T>(messageOf: (values: readonly T[], skipped: number) => FrameMessage): ((value: T) => void) => {
  let values: T[] = []
  let skipped = 0
  const flush = (): void => {
    send(messageOf(values, skipped))
    values = []
    skipped = 0
  }
  return value => {
    if (values.length === 0) setTimeout(flush, every)
    if (values.length < mostPerMessage) values.push(value)
    else skipped += 1
  }
}

/** Draws a marble. */
export const sendMarble = collected<Marble>((marbles, skipped) => ({ type: 'marbles', marbles, skipped }))
/** Prints a line. */
export const sendLine = collected<Line>((lines, skipped) => ({ type: 'lines', lines, skipped }))
