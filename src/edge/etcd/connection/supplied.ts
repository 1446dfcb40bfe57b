import { catchError, defer, from, of, tap, throwError, type Observable, type SchedulerLike } from 'rxjs'
import { Disconnected, InvalidArgument } from '../../../core/errors.js'
import { invalidIf, throwIfInvalid, type Validator } from '../../../core/validation.js'
import { timeout, timers } from '../../../flow/clock.js'

/** A value, or a function that returns the value of the moment, at once or as a Promise. */
export type Supplied<T> = T | (() => T | PromiseLike<T>)

/** How long (ms) a function may take. */
const suppliedWithin = 5_000

/** What a program reports about its own failure, without the parts that may hold a secret: PEM blocks, quoted input, and what stands before an `@` in a URL. */
const withoutSecrets = (text: string): string =>
  text
    .replace(/-----BEGIN[^]*?(?:-----END[^-]*-----|$)/g, '…')
    .replace(/"[^"]*"?/g, '"…"')
    .replace(/[^\s/]+@/g, '…@')
    .replace(/\s+/g, ' ')
    .slice(0, 300)

const isPromise = <T>(answer: T | PromiseLike<T>): answer is PromiseLike<T> => typeof (answer as { readonly then?: unknown } | null | undefined)?.then === 'function'

/** What a function answers when it is called, at once or as a Promise. */
export const answerOf = <T>(ask: () => T | PromiseLike<T>): Observable<T> =>
  defer(() => {
    const answer = ask()
    // Not `from` for both: the answer itself may be iterable.
    return isPromise(answer) ? from(answer) : of(answer)
  })

/** Why a function or an Observable of the user failed, without secrets. */
export const described = (thrown: unknown): string => (thrown instanceof Error ? withoutSecrets(thrown.message) || thrown.name : `it threw ${thrown === null ? 'null' : `a value of type ${typeof thrown}`}`)

/** Passes a function, or a value that passes `check`. */
export const suppliedOr =
  (check: Validator): Validator =>
  value =>
    typeof value === 'function' ? undefined : check(value)

/**
 * The value of the option `option` at this moment. If a function throws, rejects, is silent for 5 s or returns something that fails `check`, it errors
 * with `Disconnected`. That error has no `cause`: the error of a secret store may contain a request with its token. `on`: whether the wait keeps Node alive.
 */
export const supplied = <T extends object>(option: string, given: Supplied<T>, check: Validator, on: SchedulerLike = timers): Observable<T> => {
  if (typeof given !== 'function') return of(given)
  const failed = (reason: string): Disconnected => new Disconnected(`the function passed as ${option} failed: ${reason}`)
  return answerOf(given).pipe(
    timeout({ first: suppliedWithin, with: () => throwError(() => failed(`its Promise was pending after ${suppliedWithin} ms`)) }, on),
    tap(value => throwIfInvalid(invalidIf(`${option}()`, check, value))),
    catchError((thrown: unknown) => throwError(() => (thrown instanceof Disconnected ? thrown : failed(thrown instanceof InvalidArgument ? thrown.message : described(thrown))))),
  )
}
