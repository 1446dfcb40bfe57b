import type { Revision } from 'rx-discovery'
import { readRevisionLink, revisionLink } from './board-revision.js'
import { readFilters, writeFilters, type Filters } from './filters.js'

/** What of a board a link holds. */
export interface BoardLink {
  readonly filters: Filters
  /** The past revision that is shown; `undefined`: the present. */
  readonly past: Revision | undefined
  /** The name of the selected instance, such as `web/node1`; `''`: none. */
  readonly selected: string
}

/** Reads it from the query of a URL: the filters, `at=1234`, and `show=web/node1`. */
export const readLink = (query: URLSearchParams): BoardLink => {
  return { filters: readFilters(query), past: readRevisionLink(query.get('at') ?? ''), selected: query.get('show') ?? '' }
}

/** The query of a URL with it, with its `?`; other parameters stay. */
export const linkOf = (query: URLSearchParams, { filters, past, selected }: BoardLink): string => {
  const next = new URLSearchParams(query)
  writeFilters(next, filters)
  for (const [name, value] of Object.entries({ at: past === undefined ? '' : revisionLink(past), show: selected }))
    if (value === '') next.delete(name)
    else next.set(name, value)
  const text = next.toString()
  return text === '' ? '' : `?${text}`
}
