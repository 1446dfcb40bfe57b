import { map, type Observable } from 'rxjs'
import { overridePrefix } from '../../core/register/desired.js'
import { sharedOverrides } from '../../flow/registration/shared-overrides.js'
import type { ReadableRegistry } from '../../flow/registry.js'
import type { KnownOverrides } from './known-overrides.js'
import { splitName } from './split-name.js'

/** The overrides of the services that are shown, as operators write and delete them. If overrides may not be read, there are none. */
export const shownOverrides = (registry: ReadableRegistry, isShown: (service: string) => boolean): Observable<KnownOverrides> =>
  sharedOverrides(registry).pipe(
    map(all => new Map([...all].map(([key, status]) => [key.slice(overridePrefix.length), status] as const).filter(([name]) => isShown(splitName(name).service)))),
  )
