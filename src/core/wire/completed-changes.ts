import type { Change } from '../store.js'
import type { WireChange } from './wire-event.js'

/**
 * The rows of an event as changes: a row without a value has the one of before, which an earlier row of the same event may have changed. `known` is the value of a key before the
 * event. `undefined`: the value is not known.
 */
export const completedChanges = (rows: readonly WireChange[], known: (key: string) => string | null | undefined): readonly (Change | undefined)[] => {
  const changed = new Map<string, string | null>()
  return rows.map(({ key, value, revision, lease }) => {
    const full = value === undefined ? (changed.has(key) ? changed.get(key) : known(key)) : value
    if (full === undefined) return undefined
    changed.set(key, full)
    return { key, value: full, revision, lease }
  })
}
