import { isStatus } from '#internal/core/instance/instance'
import { isRecord } from '#internal/core/instance/json'
import type { ServiceInstance, Status } from 'rx-discovery'
import type { AskedTtl } from './instance-details.js'
import type { JournalEntry } from './journal-entry.js'

/** The operators' overrides. */
export interface Overrides {
  /** Whether this page may set and remove them. */
  readonly allowed: boolean
  /** The status of each override, by the name of the instance, such as `web/node1`. */
  readonly byName: ReadonlyMap<string, Status>
  /** What operators did, in the order in which it was seen. */
  readonly journal: readonly JournalEntry[]
}

/** What `rx-discovery ui` offers besides the bridge. */
export interface ControlClient {
  readonly remaining: (lease: string) => Promise<AskedTtl>
  readonly overrides: () => Promise<Overrides>
  /** Sets the override `draining`; `last` confirms that no other instance of the service is up. */
  readonly drain: (instance: ServiceInstance, last: boolean) => Promise<void>
  readonly giveBack: (instance: ServiceInstance) => Promise<void>
}

const kept = 'rx-discovery token'

/** The token from the fragment of the page's URL, which is then removed from the address bar; it is kept for this tab. */
const takeToken = (): string => {
  const given = new URLSearchParams(location.hash.slice(1)).get('token')
  if (given !== null) {
    sessionStorage.setItem(kept, given)
    history.replaceState(history.state, '', `${location.pathname}${location.search}`)
  }
  return sessionStorage.getItem(kept) ?? ''
}

const readOverride = (value: unknown): readonly (readonly [string, Status])[] =>
  isRecord(value) && typeof value['name'] === 'string' && isStatus(value['status']) ? [[value['name'], value['status']]] : []

const readEntry = (value: unknown): readonly JournalEntry[] => {
  if (!isRecord(value)) return []
  const { service, id, text, revision, at } = value
  return typeof service === 'string' && typeof id === 'string' && typeof text === 'string' && typeof revision === 'number' && typeof at === 'number'
    ? [{ type: 'operator', service, id, text, revision, at }]
    : []
}

const listIn = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : [])

/** A client of the control that `rx-discovery ui` serves at a URL. */
export const controlClient = (url: string): ControlClient => {
  const token = takeToken()
  const ask = async (path: string, body?: object): Promise<Readonly<Record<string, unknown>>> => {
    const init: RequestInit =
      body === undefined ? {} : { method: 'POST', body: JSON.stringify(body), headers: { 'content-type': 'application/json', 'x-rx-discovery-token': token } }
    const response = await fetch(`${url}/${path}`, init)
    const text = await response.text()
    if (!response.ok) throw new Error(text.trim() || `the server answered ${response.status}`)
    const value: unknown = JSON.parse(text)
    return isRecord(value) ? value : {}
  }
  return {
    remaining: async lease => {
      const { granted, left } = await ask(`remaining?lease=${encodeURIComponent(lease)}`)
      return { lease, granted: Number(granted), left: Number(left), at: Date.now() }
    },
    overrides: async () => {
      const { allowed, overrides, journal } = await ask('overrides')
      return { allowed: allowed === true && token !== '', byName: new Map(listIn(overrides).flatMap(readOverride)), journal: listIn(journal).flatMap(readEntry) }
    },
    drain: async ({ service, id }, last) => {
      await ask('drain', { service, id, last })
    },
    giveBack: async ({ service, id }) => {
      await ask('give-back', { service, id })
    },
  }
}
