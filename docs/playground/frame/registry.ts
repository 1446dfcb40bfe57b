import { memoryRegistry } from 'rx-discovery/memory'

/** The registry to which the levers and the board belong. The board reads it as well, so `registry.subscriptions()` counts its watch. */
export const registry = memoryRegistry()
