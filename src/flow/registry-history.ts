const without = new WeakSet()

/**
 * Marks a registry whose watch, from a revision in the past, delivers only what differs now and not each revision in between, so that `history` refuses it. Not part of the
 * port: a registry without the mark delivers each revision. Returns the registry.
 */
export const withoutHistory = <R extends object>(registry: R): R => {
  without.add(registry)
  return registry
}

/** Whether the registry delivers each revision of the past. */
export const hasHistory = (registry: object): boolean => !without.has(registry)
