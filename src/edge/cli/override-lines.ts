import { defer, mergeMap, type Observable } from 'rxjs'
import { overridePrefix } from '../../core/register/desired.js'
import { sharedOverrides, type Overridden } from '../../flow/registration/shared-overrides.js'
import type { ReadableRegistry } from '../../flow/registry.js'
import type { Line } from './output.js'
import { splitName } from './split-name.js'

/** One line for each override of the services that is there, is written, changes or is deleted. If overrides may not be read, there are none. */
export const overrideLines = (registry: ReadableRegistry, isShown: (service: string) => boolean): Observable<Line> =>
  defer(() => {
    let before: Overridden = new Map()
    return sharedOverrides(registry).pipe(
      mergeMap((after): readonly Line[] => {
        const changed = [...new Set([...before.keys(), ...after.keys()])].filter(key => before.get(key) !== after.get(key))
        before = after
        return changed.flatMap(key => {
          const name = key.slice(overridePrefix.length)
          const { service, id } = splitName(name)
          const status = after.get(key)
          if (!isShown(service)) return []
          if (status === undefined) return [{ text: `${name} is given back by an operator`, json: { type: 'returned', service, id, key } }]
          return [{ text: `${name} is overridden by an operator as ${status}`, json: { type: 'overridden', service, id, key, status } }]
        })
      }),
    )
  })
