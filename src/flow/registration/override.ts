import { Observable, type MonoTypeOperatorFunction } from 'rxjs'
import type { Status } from '../../core/instance/instance.js'
import { overridden, overrideKey, type Desired } from '../../core/register/desired.js'
import type { ReadableRegistry } from '../registry.js'
import { nothing, subscribeWithin } from '../subscribe-within.js'
import { sharedOverrides, type Overridden } from './shared-overrides.js'

/** Applies the operator's override of whichever instance is desired. The first desired state waits until the overrides are known. */
export const withOverride =
  (registry: ReadableRegistry): MonoTypeOperatorFunction<Desired> =>
  source =>
    new Observable(subscriber => {
      let desired: Desired | undefined
      let overrides: Overridden | undefined
      const emit = (): void => {
        if (desired === undefined || overrides === undefined) return
        const status = statusIn(overrides)
        subscriber.next(desired.instance === null || status === undefined ? desired : overridden(desired, { key: overrideKey(desired.instance), status }))
      }
      const statusIn = (all: Overridden | undefined): Status | undefined => (desired?.instance ? all?.get(overrideKey(desired.instance)) : undefined)
      const learn = (latest: Overridden): void => {
        const news = overrides === undefined || statusIn(overrides) !== statusIn(latest)
        overrides = latest
        if (news) emit()
      }
      const want = (latest: Desired): void => {
        desired = latest
        emit()
      }
      subscribeWithin(subscriber, sharedOverrides(registry), { next: learn, complete: nothing })
      subscribeWithin(subscriber, source, { next: want, complete: nothing })
    })
