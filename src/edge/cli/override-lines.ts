import { defer, mergeMap, type OperatorFunction } from 'rxjs'
import type { KnownOverrides } from './known-overrides.js'
import type { Line } from './output.js'
import { overrideLine } from './override-line.js'
import { splitName } from './split-name.js'

/** Turns overrides into one line for each that is there, is written, changes or is deleted. */
export const overrideLines = (): OperatorFunction<KnownOverrides, Line> => source =>
  defer(() => {
    let before: KnownOverrides = new Map()
    return source.pipe(
      mergeMap((after): readonly Line[] => {
        const changed = [...new Set([...before.keys(), ...after.keys()])].filter(name => before.get(name) !== after.get(name))
        before = after
        return changed.map(name => overrideLine(splitName(name), after.get(name)))
      }),
    )
  })
