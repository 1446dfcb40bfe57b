import { isRecord } from '#internal/core/instance/json'
import type { Rejection, ServiceInstance } from 'rx-discovery'
import { filtersSet, type Filters } from './filters.js'
import type { JournalEntry } from './journal-entry.js'
import type { RowState } from './row-state.js'
import type { ServiceRows } from './service-rows.js'

const haystacks = new WeakMap<ServiceInstance, string>()

const haystackOf = (instance: ServiceInstance): string => {
  const { service, id, address, version, zone, tags, status, endpoints, metadata } = instance
  const known = haystacks.get(instance)
  if (known !== undefined) return known
  const made = [service, id, address, version, zone, status, ...tags, JSON.stringify(endpoints), JSON.stringify(metadata)].join('\n').toLowerCase()
  haystacks.set(instance, made)
  return made
}

const hasWords = (text: string): ((haystack: string) => boolean) => {
  const words = text.toLowerCase().split(/\s+/)
  return of => words.every(word => of.includes(word))
}

/** A value of metadata as filters name it. */
export const metadataText = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value))

const hasMetadata = (filter: string): ((metadata: unknown) => boolean) => {
  const [, key = '', value = ''] = /^([^=]*)=?(.*)$/s.exec(filter.trim()) ?? []
  return metadata => isRecord(metadata) && Object.hasOwn(metadata, key) && (value === '' || metadataText(metadata[key]) === value)
}

/** What passes the filters: the same test for what is shown and for what has happened. */
interface Passing {
  /** `more` is searched, too. */
  readonly instance: (instance: ServiceInstance, state: RowState, more?: string) => boolean
  /** What is not an instance: it has nothing but a text, and needs attention. */
  readonly other: (text: string) => boolean
}

const passingOf = ({ text, tag, zone, version, status, metadata, sick }: Filters): Passing => {
  const has = hasWords(text)
  const hasKey = hasMetadata(metadata)
  const isOfInstances = tag + zone + version + metadata !== ''
  return {
    instance: (instance, state, more = '') =>
      (status === '' || state === status) &&
      (!sick || state !== 'up') &&
      (zone === '' || instance.zone === zone) &&
      (version === '' || instance.version === version) &&
      (tag === '' || instance.tags.includes(tag)) &&
      (metadata === '' || hasKey(instance.metadata)) &&
      (text === '' || has(haystackOf(instance) + more.toLowerCase())),
    other: of => !isOfInstances && (status === '' || status === 'unreadable') && (text === '' || has(of.toLowerCase())),
  }
}

/** What has passed of each service by its latest filters: when one service changes, the others stay the same objects. */
const passed = new WeakMap<ServiceRows, { readonly filters: Filters; readonly services: readonly ServiceRows[] }>()

/** The services with the instances and the unreadable entries that pass; without filters all of them, else those with any. */
export const filteredServices = (services: readonly ServiceRows[], filters: Filters): readonly ServiceRows[] => {
  if (filtersSet(filters) === 0) return services
  const passing = passingOf(filters)
  return services.flatMap(each => {
    const known = passed.get(each)
    if (known?.filters === filters) return known.services
    const rows = each.rows.filter(({ instance, state }) => passing.instance(instance, state))
    const rejected = each.rejected.filter(({ key, reason }: Rejection) => passing.other(`${each.service} ${key} ${reason}`))
    const isWhole = rows.length === each.rows.length && rejected.length === each.rejected.length
    const own = isWhole ? [each] : rows.length + rejected.length === 0 ? [] : [{ ...each, rows, rejected }]
    passed.set(each, { filters, services: own })
    return own
  })
}

/** The lines of the journal that pass, each by what the instance was then. Lines about the board itself always pass: they concern all instances. */
export const filteredJournal = (entries: readonly JournalEntry[], filters: Filters): readonly JournalEntry[] => {
  if (filtersSet(filters) === 0) return entries
  const passing = passingOf(filters)
  return entries.filter(({ type, service, id, text, instance }) => {
    if (service === '') return true
    const words = `\n${service}/${id} ${type} ${text}`
    return instance === undefined ? (type !== 'operator' || filters.status === '') && passing.other(words) : passing.instance(instance, type === 'left' ? 'gone' : instance.status, words)
  })
}
