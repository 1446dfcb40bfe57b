import { filter, scan, type Observable } from 'rxjs'
import type { Format } from '../../core/formats/format.js'
import { nextCatalog, type Catalog } from '../../core/sets/catalog.js'
import { projection } from '../../core/view/projection.js'
import type { View } from '../../core/view/step.js'
import type { ReadableRegistry } from '../registry.js'
import { listWatch, type ListWatchOptions } from './list-watch.js'

const catalogOf = <M>(previous: Catalog<M> | undefined, { snapshot: { services, revision }, status, asOf, trouble }: View<M>): Catalog<M> =>
  nextCatalog(previous, services, { status, revision, asOf, trouble })

/** All services of a format, or the named ones, by one listing and one watch of everything under its root. */
export const rootedCatalog = <M>(registry: ReadableRegistry, root: string, format: Format<M>, options: ListWatchOptions, services?: readonly string[]): Observable<Catalog<M>> =>
  listWatch(registry, root, projection(format, { services }), options).pipe(
    scan<View<M>, Catalog<M> | undefined>(catalogOf, undefined),
    filter(next => next !== undefined),
  )
