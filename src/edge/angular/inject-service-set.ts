import { assertInInjectionContext, computed, DestroyRef, effect, inject, Injector, PendingTasks, runInInjectionContext, signal, untracked, type Signal } from '@angular/core'
import { Subscription } from 'rxjs'
import { duration, functionOf, invalidArguments, invalidOptions, anObject } from '#internal/core/arguments'
import { throwIfInvalid } from '#internal/core/validation'
import { timers } from '#internal/flow/clock'
import type { ServiceSet } from 'rx-discovery'
import { SERVICE_DISCOVERY } from './service-discovery.js'

/** Options of {@link injectServiceSet}. */
export interface InjectServiceSetOptions {
  /** Where to inject, outside an injection context. @default that of the caller */
  readonly injector?: Injector | undefined
  /** How long the application is not stable while there is no known set, ms: a server renders it if it comes within that time. @default 0 */
  readonly wait?: number | undefined
}

/** Keeps the application from being stable until the returned function is called, at most `wait` ms. */
const pendingTask = (wait: number): (() => void) => {
  const task = new Subscription(inject(PendingTasks).add())
  task.add(timers.schedule(() => task.unsubscribe(), wait))
  inject(DestroyRef).onDestroy(() => task.unsubscribe())
  return () => task.unsubscribe()
}

/** Whether a set is the first that a page waits for. A fatal error ends the waiting. */
const isAwaited = ({ status, trouble }: ServiceSet): boolean => status !== 'pending' || trouble?.attempt === 0

const followed = (name: () => string, wait: number): Signal<ServiceSet> => {
  const discovery = inject(SERVICE_DISCOVERY)
  const service = computed(name)
  const latest = signal<ServiceSet | undefined>(undefined)
  // The effect below runs later than a name changes: until then the latest set is that of another service.
  const set = computed(() => {
    const [current, of] = [latest(), service()]
    // eslint-disable-next-line @typescript-eslint/prefer-optional-chain -- in JavaScript the name may be undefined, too
    return current !== undefined && current.service === of ? current : untracked(() => discovery.first(of))
  })
  if (!discovery.follows) return set
  const known = wait > 0 ? pendingTask(wait) : () => undefined
  effect(onCleanup => {
    const of = service()
    const subscription = new Subscription()
    onCleanup(() => subscription.unsubscribe())
    untracked(() =>
      subscription.add(
        // eslint-disable-next-line rxjs-x/no-ignored-error -- it never errors
        discovery.set$(of).subscribe(next => {
          latest.set(next)
          if (isAwaited(next)) known()
        }),
      ),
    )
  })
  return set
}

/**
 * The set of a service as a signal: `pending` at once, or what the server knew, then each set as `discover` emits it. If the name changes, so does the service;
 * a set of the former one cannot be read any more. A fatal error is the `trouble` of the set, with attempt 0.
 *
 * @example readonly orders = injectServiceSet(() => 'orders')
 */
export const injectServiceSet = (service: () => string, options?: InjectServiceSetOptions): Signal<ServiceSet> => {
  throwIfInvalid(
    invalidArguments('injectServiceSet(() => service, options)', ['service', functionOf("a function that returns the name of a service, such as () => 'orders'"), service]) ??
      invalidOptions<InjectServiceSetOptions>('injectServiceSet', options, { injector: anObject, wait: duration }),
  )
  if (options?.injector === undefined) assertInInjectionContext(injectServiceSet)
  return runInInjectionContext(options?.injector ?? inject(Injector), () => followed(service, options?.wait ?? 0))
}
