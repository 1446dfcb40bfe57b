import { numberText } from './number-text.js'
import { countStates, type RowState } from './row-state.js'

/** How many there are of what. All numbers of a board follow this definition: gone instances are counted apart. */
export interface FleetCounts {
  /** Services with an instance, or with an entry that cannot be read. */
  readonly services: number
  /** Services of which only instances that are gone are left. */
  readonly goneServices: number
  readonly instances: number
  readonly states: Readonly<Record<RowState, number>>
  readonly unreadable: number
}

/** What of a service is counted. */
interface Counted {
  readonly rows: readonly { readonly state: RowState }[]
  readonly rejected: readonly unknown[]
}

/** Counts what is shown of services. */
export const fleetCounts = (services: readonly Counted[]): FleetCounts => {
  const states = countStates(services.flatMap(({ rows }) => rows))
  const present = services.filter(({ rows, rejected }) => rejected.length > 0 || rows.some(({ state }) => state !== 'gone')).length
  return {
    services: present,
    goneServices: services.length - present,
    instances: states.up + states.starting + states.draining + states.down,
    states,
    unreadable: services.reduce((sum, { rejected }) => sum + rejected.length, 0),
  }
}

/** What passes the filters: `11 of 90 instances, 1 of 2 gone`. */
export const foundText = (found: FleetCounts, all: FleetCounts): string => {
  const part = (some: number, of: number, what: string): readonly string[] => (of === 0 ? [] : [`${numberText(some)} of ${numberText(of)} ${what}`])
  return [
    `${numberText(found.instances)} of ${numberText(all.instances)} ${all.instances === 1 ? 'instance' : 'instances'}`,
    ...part(found.states.gone, all.states.gone, 'gone'),
    ...part(found.unreadable, all.unreadable, 'unreadable'),
  ].join(', ')
}
