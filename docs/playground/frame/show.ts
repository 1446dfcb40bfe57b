import { isObservable, type Observable, type Subscription } from 'rxjs'
import { mostRows, type Marble } from '../messages.js'
import { marbleOf, type Look } from './marble-of.js'
import { elapsed, send, sendMarble } from './outbox.js'
import { textOf } from './text-of.js'

let rows = 0

const flawOf = (name: unknown, stream$: unknown): string | undefined => {
  if (typeof name !== 'string') return `name must be a text, got ${textOf(name)}`
  if (!isObservable(stream$)) return `stream$ must be an Observable, got ${textOf(stream$)} (a value: of(value); a promise: from(promise))`
  return rows === mostRows ? `there is room for ${mostRows} rows; merge some streams` : undefined
}

/**
 * Subscribes to a stream, and draws its values as marbles in a row of the page. Throws `TypeError` for wrong arguments, and for more than 12 rows.
 *
 * @returns the subscription: of a registration, it holds the lease
 */
export const show = (name: string, stream$: Observable<unknown>): Subscription => {
  const wrong = flawOf(name, stream$)
  if (wrong !== undefined) throw new TypeError(`show(name, stream$): ${wrong}`)
  const row = rows
  rows += 1
  send({ type: 'row', row, name })
  let isOver = false
  const draw = (sign: Marble['sign'], look: Look): void => sendMarble({ row, at: elapsed(), sign, ...look })
  const end = (sign: Marble['sign'], look: Look): void => {
    isOver = true
    draw(sign, look)
  }
  const subscription = stream$.subscribe({
    next: value => draw('next', marbleOf(value)),
    error: (error: unknown) => end('error', { label: '✕', tone: 'bad', text: textOf(error) }),
    complete: () => end('complete', { label: '|', tone: 'plain', text: 'completed' }),
  })
  subscription.add(() => {
    if (!isOver) draw('unsubscribed', { label: '!', tone: 'plain', text: 'unsubscribed' })
  })
  return subscription
}
