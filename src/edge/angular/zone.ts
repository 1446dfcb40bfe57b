import type { NgZone } from '@angular/core'
import { Observable, type MonoTypeOperatorFunction } from 'rxjs'

/** Subscribes outside Angular's zone, so that what the source opens does not keep the application from being stable. It emits wherever the source does. */
export const outsideZone =
  <T>(zone: NgZone): MonoTypeOperatorFunction<T> =>
  source =>
    new Observable(subscriber => zone.runOutsideAngular(() => source.subscribe(subscriber)))

/** Subscribes and emits in Angular's zone. */
export const insideZone =
  <T>(zone: NgZone): MonoTypeOperatorFunction<T> =>
  source =>
    new Observable(subscriber =>
      zone.run(() =>
        source.subscribe({
          next: value => zone.run(() => subscriber.next(value)),
          error: (error: unknown) => zone.run(() => subscriber.error(error)),
          complete: () => zone.run(() => subscriber.complete()),
        }),
      ),
    )
