import type { io } from 'fp-ts'
import type { Observable, ObservableInput } from 'rxjs'
import { abortSignal, backoff, duration, flag, formats, functionOf, invalidOptions, observable, observableInput, optionsOf, ttlSeconds, type Checks } from '../../core/arguments.js'
import type { Backoff } from '../../core/backoff.js'
import { flaw, oneOf, type Validator } from '../../core/validation.js'
import type { InvalidArgument } from '../../core/errors.js'
import type { Format, Formats } from '../../core/formats/format.js'
import type { Status } from '../../core/instance/instance.js'

/** Options of `register`. */
export interface RegisterOptions<F extends Formats = Format> {
  /**
   * How long the registration outlives a crash of this process, seconds; etcd may grant more. A number is at most 3600, since more is most likely meant as
   * milliseconds; for longer leases write `{ seconds }`. @default 10
   */
  readonly ttl?: number | { readonly seconds: number } | undefined
  /** How the instance is written; several formats are written in one transaction. @default native() */
  readonly format?: F | undefined
  /**
   * Overrides the status: `starting` until its first value, `down` once it errors; if it completes, its last value stays. `poll` makes one of a check
   * that may fail. Errors `InvalidArgument` if its first value is not a status.
   */
  readonly health?: Observable<Status> | undefined
  /** Its first value, or its abort, ends the registration gracefully: `draining` first, then, after `drain`, revoked. Registrations share one subscription to it. */
  readonly until?: ObservableInput<unknown> | AbortSignal | undefined
  /** How long the registration is `draining` before it is revoked, ms: 0, or 50 and more, since less is most likely meant as seconds. @default 0 */
  readonly drain?: number | undefined
  /** How long the end may take beyond `drain` if the registry does not answer, ms. Then it is not confirmed, and the lease expires by its TTL. @default 2000 */
  readonly endWithin?: number | undefined
  /**
   * If something else holds the key at the start: `wait` leaves it alone while its holder lives, and replaces it as soon as it is certain that the holder is
   * dead; `replace` overwrites it once; `fail` errors `Taken` if the holder lives. @default 'wait'
   */
  readonly onTaken?: 'wait' | 'replace' | 'fail' | undefined
  /** At most one update per so many ms, the latest; the first write and that of `draining` are not delayed. @default 100 */
  readonly throttle?: number | undefined
  /** Whether an operator may override the status by the key `/rx-discovery-overrides/<service>/<id>`, whose value is a status. @default true */
  readonly override?: boolean | undefined
  /** The pauses between attempts. @default exponential() */
  readonly backoff?: Backoff | undefined
  /** Uniform in [0, 1); the incarnation is drawn by it, once per subscription. @default Math.random */
  readonly random?: io.IO<number> | undefined
}

/** The longest TTL that may be a plain number, seconds. */
const longestPlainTtl = 3_600
/** The shortest duration that is not most likely a number of seconds, ms. */
const leastMs = 50

const milliseconds: Validator = value =>
  typeof value === 'number' && value > 0 && value < leastMs
    ? flaw(`must be 0 or a number of milliseconds from ${leastMs}`, value, `${value} seconds are ${value * 1000}`)
    : duration(value)

const secondsOf = optionsOf('ttl', { seconds: ttlSeconds }, ['seconds'])
const ttl: Validator = value => {
  if (typeof value === 'object') return secondsOf(value)
  const found = ttlSeconds(value)
  if (found !== undefined || Number(value) <= longestPlainTtl) return found
  const hint = `${Number(value)} ms are ttl: ${Number(value) / 1000}; if the lease may last more than an hour after a crash, write ttl: { seconds: ${Number(value)} }`
  return flaw(`must be a whole number of seconds from 1 to ${longestPlainTtl}`, value, hint)
}
const until: Validator = value => (abortSignal(value) === undefined ? undefined : observableInput(value))

const checks: Checks<RegisterOptions<Formats>> = {
  ttl,
  format: formats,
  health: observable,
  until,
  drain: milliseconds,
  endWithin: milliseconds,
  onTaken: oneOf('wait', 'replace', 'fail'),
  throttle: duration,
  override: flag,
  backoff,
  random: functionOf('a function that returns a number in [0, 1)'),
}

/** What is wrong with the options of `register`. */
export const invalidRegisterOptions = <F extends Formats>(options: RegisterOptions<F> | undefined): InvalidArgument | undefined => invalidOptions<RegisterOptions<Formats>>('register', options, checks)
