import { rowStates, type RowState } from './row-state.js'

/** What the filter of the status lets pass: instances of a state, or only entries that cannot be read. */
export type StatusFilter = RowState | 'unreadable'

/** All of them. */
export const statusFilters: readonly StatusFilter[] = [...rowStates, 'unreadable']

/** What is shown of services, instances and the journal; an empty text lets all pass. */
export interface Filters {
  /** Words that the fields of an instance must contain, in any case. */
  readonly text: string
  readonly tag: string
  readonly zone: string
  readonly version: string
  readonly status: StatusFilter | ''
  /** A key that the metadata must have, or `key=value`. */
  readonly metadata: string
  /** Whether only what needs attention is shown: instances that are not up, and entries that cannot be read. */
  readonly sick: boolean
}

/** Everything is shown. */
export const noFilters: Filters = { text: '', tag: '', zone: '', version: '', status: '', metadata: '', sick: false }

const isStatus = (text: string): text is StatusFilter => statusFilters.some(status => status === text)

/** How many filters are set. */
export const filtersSet = (filters: Filters): number => Object.values(filters).filter(value => value !== '' && value !== false).length

/** Reads filters from the query of a URL: `?q=eu node&tag=canary&zone=…&version=…&status=down&meta=rack=r1&sick`. */
export const readFilters = (query: URLSearchParams): Filters => {
  const text = (name: string): string => query.get(name) ?? ''
  const status = text('status')
  return { text: text('q'), tag: text('tag'), zone: text('zone'), version: text('version'), status: isStatus(status) ? status : '', metadata: text('meta'), sick: query.has('sick') }
}

/** Writes filters into the query of a URL; its other parameters stay. */
export const writeFilters = (query: URLSearchParams, { text, tag, zone, version, status, metadata, sick }: Filters): void => {
  for (const [name, value] of Object.entries({ q: text, tag, zone, version, status, meta: metadata, sick: sick ? '1' : '' }))
    if (value === '') query.delete(name)
    else query.set(name, value)
}
