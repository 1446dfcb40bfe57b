import type { MemoryRegistry } from 'rx-discovery/memory'

/** Where a service lies. */
export const prefixOf = (service: string): string => `/rx-discovery/${service}/`

/** A value as the native format has it. */
export const valueOf = (version: string): string => JSON.stringify({ v: 1, address: 'x:1', version })

/** Keys that are only there to make a service large. */
const ballast = (id: string): boolean => id.startsWith('ballast')

/** What a service holds, as text that is easy to compare. */
export const shown = (instances: Iterable<{ readonly id: string; readonly version: string }>): string =>
  Array.from(instances, ({ id, version }) => (ballast(id) ? '' : `${id}@${version}`))
    .filter(text => text !== '')
    .join(' ')

/** What each service holds in truth, now. */
const heldNow = (registry: MemoryRegistry, services: readonly string[]): readonly string[] => {
  const entries = registry.entries()
  return services.map(service => {
    const prefix = prefixOf(service)
    return shown(
      entries.flatMap(({ key, value }) => {
        const id = key.slice(prefix.length)
        return key.startsWith(prefix) && !ballast(id) ? [{ id, version: (JSON.parse(value ?? '{}') as { version: string }).version }] : []
      }),
    )
  })
}

/** What services held at each revision, as far as it was written down. */
export interface Truth {
  /** Writes down what there is now. */
  readonly record: () => void
  /** `undefined` if it was not recorded. */
  readonly at: (service: string, revision: number) => string | undefined
  readonly now: (service: string) => string
}

/** Records the content of a registry on request. */
export const truthOf = (registry: MemoryRegistry, services: readonly string[]): Truth => {
  const known = new Map<number, readonly string[]>()
  const record = (): void => void known.set(registry.revision(), heldNow(registry, services))
  const at = (service: string, revision: number): string | undefined => known.get(revision)?.[services.indexOf(service)]
  return {
    record,
    // what was never replaced needs no second look
    at: (service, revision) => {
      if (!known.has(revision) && revision === registry.revision()) record()
      return at(service, revision)
    },
    now: service => {
      record()
      return at(service, registry.revision()) ?? ''
    },
  }
}
