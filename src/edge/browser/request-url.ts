import type { Range } from '../../core/store.js'

/** Ranges without those that lie in another one. */
const distinct = (ranges: readonly Range[]): readonly Range[] => {
  const prefixes = [...new Set(ranges.filter(range => typeof range === 'string'))].sort()
  const outer = prefixes.filter(prefix => !prefixes.some(other => other !== prefix && prefix.startsWith(other)))
  const keys = [...new Set(ranges.flatMap(range => (typeof range === 'string' ? [] : [range.key])))].sort()
  return [...outer, ...keys.filter(key => !outer.some(prefix => key.startsWith(prefix))).map(key => ({ key }))]
}

/** The URL of a stream of some ranges, or of an answer, such as `{ check: '7' }`. */
export const requestUrl = (url: URL, ranges: readonly Range[], answer: Readonly<Record<string, string>> = {}): URL => {
  const asked = new URL(url)
  for (const [name, value] of Object.entries(answer)) asked.searchParams.append(name, value)
  for (const range of distinct(ranges))
    if (typeof range === 'string') asked.searchParams.append('prefix', range)
    else asked.searchParams.append('key', range.key)
  return asked
}
