import { covers, type Range } from '../../core/store.js'

/** The ranges of one client: those that it asks for, or everything that is served. */
export interface Ranges {
  /** The ranges as text: clients with the same name are served together. */
  readonly name: string
  readonly all: readonly Range[]
  readonly have: (key: string) => boolean
}

/** Reads `?prefix=/rx-discovery/web/&key=/rx-discovery/orders/a`; without either, everything that is served. */
export const rangesOf = (query: URLSearchParams): Ranges => {
  const prefixes = [...new Set(query.getAll('prefix'))].sort()
  const keys = [...new Set(query.getAll('key'))].sort()
  const all: readonly Range[] = [...prefixes, ...keys.map(key => ({ key }))]
  return {
    name: JSON.stringify([prefixes, keys]),
    all,
    have: all.length === 0 ? () => true : key => all.some(range => covers(range, key)),
  }
}
