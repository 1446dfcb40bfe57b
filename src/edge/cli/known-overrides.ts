import { map, of, type Observable } from 'rxjs'
import type { Status } from '../../core/instance/instance.js'
import { overridePrefix, statusOf } from '../../core/register/desired.js'
import { gatherListing } from '../../flow/gather-listing.js'
import type { ListOptions, ReadableRegistry } from '../../flow/registry.js'
import { ifAllowed } from './if-allowed.js'

/** The status of each override, by the name of the instance, such as `web/node1`. */
export type KnownOverrides = ReadonlyMap<string, Status>

/** The operators' overrides; `undefined` if they may not be read. */
export const knownOverrides = (registry: ReadableRegistry, options?: ListOptions): Observable<KnownOverrides | undefined> =>
  registry.list(overridePrefix, options).pipe(
    gatherListing(),
    map(
      ({ changes }) =>
        new Map(
          changes.flatMap(({ key, value }) => {
            const status = statusOf(value)
            return status === undefined ? [] : [[key.slice(overridePrefix.length), status] as const]
          }),
        ),
    ),
    ifAllowed(of(undefined)),
  )
