import type { ServiceInstance } from 'rx-discovery'
import { rowStates, type InstanceRow, type RowState, type ServiceRows } from './service-rows.js'

/** Which instances are shown; an empty text lets all pass. */
export interface Filters {
  /** Words that the fields of an instance must contain, in any case. */
  readonly text: string
  readonly tag: string
  readonly zone: string
  readonly version: string
  readonly status: RowState | ''
  /** Whether only instances are shown that are not well. */
  readonly sick: boolean
}

/** Everything is shown. */
export const noFilters: Filters = { text: '', tag: '', zone: '', version: '', status: '', sick: false }

const isState = (text: string): text is RowState => rowStates.some(state => state === text)

/** Whether a filter is set. */
export const isFiltered = (filters: Filters): boolean => Object.values(filters).some(value => value !== '' && value !== false)

/** Reads filters from the query of a URL: `?q=eu node&tag=canary&zone=…&version=…&status=down&sick`. */
export const readFilters = (query: URLSearchParams): Filters => {
  const text = (name: string): string => query.get(name) ?? ''
  const status = text('status')
  return { text: text('q'), tag: text('tag'), zone: text('zone'), version: text('version'), status: isState(status) ? status : '', sick: query.has('sick') }
}

/** Writes filters into the query of a URL; its other parameters stay. */
export const writeFilters = (query: URLSearchParams, { text, tag, zone, version, status, sick }: Filters): void => {
  for (const [name, value] of Object.entries({ q: text, tag, zone, version, status, sick: sick ? '1' : '' }))
    if (value === '') query.delete(name)
    else query.set(name, value)
}

const haystacks = new WeakMap<ServiceInstance, string>()

const haystack = (instance: ServiceInstance): string => {
  const { service, id, address, version, zone, tags, status, endpoints, metadata } = instance
  const known = haystacks.get(instance)
  if (known !== undefined) return known
  const made = [service, id, address, version, zone, status, ...tags, JSON.stringify(endpoints), JSON.stringify(metadata)].join('\n').toLowerCase()
  haystacks.set(instance, made)
  return made
}

/** Whether a text, in lower case, has all words of another one. */
export const hasWords = (text: string): ((haystack: string) => boolean) => {
  const words = text.toLowerCase().split(/\s+/)
  return of => words.every(word => of.includes(word))
}

/** The test of one row. */
const passes = ({ text, tag, zone, version, status, sick }: Filters): ((row: InstanceRow) => boolean) => {
  const has = hasWords(text)
  return ({ instance, state, isSick }) =>
    (status === '' || state === status) &&
    (!sick || isSick) &&
    (zone === '' || instance.zone === zone) &&
    (version === '' || instance.version === version) &&
    (tag === '' || instance.tags.includes(tag)) &&
    (text === '' || has(haystack(instance)))
}

/** What has passed of each service by its latest filters: when one service changes, the others stay the same objects. */
const passed = new WeakMap<ServiceRows, { readonly filters: Filters; readonly services: readonly ServiceRows[] }>()

/** The services with the rows that pass; without filters all of them, else those with such a row. A service of which nothing can be read passes by its name. */
export const filteredServices = (services: readonly ServiceRows[], filters: Filters): readonly ServiceRows[] => {
  if (!isFiltered(filters)) return services
  const test = passes(filters)
  const { text, tag, zone, version, status } = filters
  const isNamed = hasWords(text)
  const isUnread = ({ service, rows }: ServiceRows): boolean => rows.length === 0 && tag + zone + version + status === '' && isNamed(service.toLowerCase())
  return services.flatMap(each => {
    const known = passed.get(each)
    if (known?.filters === filters) return known.services
    const rows = each.rows.filter(test)
    const own = rows.length === 0 && !isUnread(each) ? [] : [rows.length === each.rows.length ? each : { ...each, rows }]
    passed.set(each, { filters, services: own })
    return own
  })
}

/** The values that filters can take, each sorted, without empty ones. */
export interface Facets {
  readonly tags: readonly string[]
  readonly zones: readonly string[]
  readonly versions: readonly string[]
}

/** The values that occur. */
export const facetsOf = (services: readonly ServiceRows[]): Facets => {
  const [tags, zones, versions] = [new Set<string>(), new Set<string>(), new Set<string>()]
  for (const { rows } of services)
    for (const { instance } of rows) {
      for (const tag of instance.tags) tags.add(tag)
      zones.add(instance.zone)
      versions.add(instance.version)
    }
  const sorted = (values: Set<string>): readonly string[] => [...values].filter(value => value !== '').sort((a, b) => a.localeCompare(b, 'en', { numeric: true }))
  return { tags: sorted(tags), zones: sorted(zones), versions: sorted(versions) }
}
