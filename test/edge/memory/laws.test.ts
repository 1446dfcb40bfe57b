import { describe, expect, it } from 'vitest'
import { memoryRegistry } from 'rx-discovery/memory'
import { lawsContract } from 'rx-discovery/testing'

lawsContract(
  () => {
    const registry = memoryRegistry()
    return Promise.resolve({ registry, levers: registry })
  },
  { describe, it, expect },
)
