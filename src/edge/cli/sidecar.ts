import { catchError, concat, connect, defer, filter, ignoreElements, isEmpty, map, merge, of, race, ReplaySubject, share, skip, switchMap, take, takeUntil, throwError, type Observable } from 'rxjs'
import { toError } from '../../core/errors.js'
import type { Status } from '../../core/instance/instance.js'
import type { Registration } from '../../core/register/registration.js'
import { timer } from '../../flow/clock.js'
import { childProcess, type Child, type ChildEnd } from './child-process.js'
import type { Signal } from './host.js'

/** What happens to a command and to its registration. */
export type SidecarEvent =
  | { readonly type: 'started'; readonly pid: number }
  | { readonly type: 'signalled'; readonly pid: number; readonly signal: NodeJS.Signals }
  | ({ readonly type: 'exited'; readonly pid: number } & ChildEnd)
  | { readonly type: 'registration'; readonly registration: Registration }

/** Options of {@link sidecar}. */
export interface SidecarOptions {
  readonly command: string
  /** Completes once the port of the command answers. */
  readonly listening: Observable<unknown>
  /** The status of the instance until the first signal. */
  readonly health: Observable<Status>
  /** Registers the instance, until the command has ended. */
  readonly registration: (health: Observable<Status>, ended: Observable<unknown>) => Observable<Registration>
  readonly stop: Observable<Signal>
  /** How long the command still serves after a signal, while its instance is draining, ms. */
  readonly drain: number
  /** How long the command may take to end after it got a signal, until it is killed, ms. */
  readonly killAfter: number
}

/** How long an etcd that does not answer delays the signal, ms. */
const acknowledgeWithin = 1_000

/** Whether consumers no longer choose the instance. */
const isOut = (state: Registration): boolean => (state.status === 'registered' ? state.published === 'draining' : ['draining', 'withdrawn', 'taken', 'revoked'].includes(state.status))

const accompany = (child: Child, { listening, health, registration, stop, drain, killAfter }: SidecarOptions): Observable<SidecarEvent> => {
  const { pid, exited } = child
  const send = (signal: NodeJS.Signals): SidecarEvent => {
    child.kill(signal)
    return { type: 'signalled', pid, signal }
  }
  const healthUntilStopped = concat(health.pipe(takeUntil(stop)), of<Status>('draining'))
  const registrations = concat(listening.pipe(ignoreElements()), of(undefined)).pipe(
    // eslint-disable-next-line rxjs-x/no-unsafe-takeuntil -- a registration that has begun ends by itself
    takeUntil(merge(stop, exited)),
    switchMap(() => registration(healthUntilStopped, exited)),
    share({ connector: () => new ReplaySubject(1), resetOnComplete: false, resetOnError: false }),
  )
  const drained = merge(
    registrations.pipe(filter(isOut), map(() => drain)),
    registrations.pipe(isEmpty(), filter(Boolean), map(() => 0)),
    timer(Math.max(drain, acknowledgeWithin)).pipe(map(() => 0)),
  ).pipe(take(1), switchMap(pause => timer(pause)))
  const signals = stop.pipe(map(signal => (signal === 'SIGPIPE' ? 'SIGTERM' : signal)))
  const hurried = signals.pipe(skip(1))
  const patient = signals.pipe(take(1), switchMap(signal => drained.pipe(map(() => signal))), takeUntil(hurried))
  const ending = merge(patient, hurried).pipe(
    map(send),
    connect(passed => merge(passed, passed.pipe(take(1), switchMap(() => timer(killAfter)), map(() => send('SIGKILL'))))),
    takeUntil(exited),
  )
  // A command that cannot be registered gets no calls, so whatever started it should see that.
  const abandoned = (error: unknown): Observable<SidecarEvent> =>
    concat(defer(() => of(send('SIGTERM'))), race(exited, timer(killAfter)).pipe(ignoreElements()), throwError(() => toError(error)))
  return merge(
    of<SidecarEvent>({ type: 'started', pid }),
    ending,
    registrations.pipe(map((state): SidecarEvent => ({ type: 'registration', registration: state })), catchError(abandoned)),
    exited.pipe(map((end): SidecarEvent => ({ type: 'exited', pid, ...end }))),
  )
}

/**
 * Runs a command and keeps it registered: from when its port answers until it ends. At the first signal the instance is draining, and the command still
 * serves; then the command gets the signal, and when it has ended the registration ends. A further signal is passed on at once. Completes when both have ended.
 */
export const sidecar = (options: SidecarOptions): Observable<SidecarEvent> =>
  childProcess(options.command, { stdio: 'inherit', killAfter: options.killAfter }).pipe(switchMap(child => accompany(child, options)))
