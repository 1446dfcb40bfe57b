import type { BoardMoment } from './board-moment.js'
import { facetsOf, filteredServices, type Facets, type Filters } from './filters.js'
import { countStates, serviceRows, type RowState, type ServiceRows } from './service-rows.js'

/** What a frame shows of a moment. */
export interface ShownFleet {
  readonly all: readonly ServiceRows[]
  readonly facets: Facets
  readonly counts: Readonly<Record<RowState, number>>
  /** The services with the rows that pass the filters. */
  readonly services: readonly ServiceRows[]
  /** How many rows pass, of how many. */
  readonly found: number
  readonly total: number
}

const rowsIn = (services: readonly ServiceRows[]): number => services.reduce((sum, { rows }) => sum + rows.length, 0)

/** Makes what frames show. What depends on nothing that has changed since the frame before is the same object, since with 9,000 instances each of these takes some ms. */
export const shownFleets = (): ((moment: BoardMoment | undefined, filters: Filters) => ShownFleet) => {
  let tracks: BoardMoment['tracks'] | undefined
  let filtered: Filters | undefined
  let shown: ShownFleet | undefined
  return (moment, filters) => {
    if (shown === undefined || moment?.tracks !== tracks) {
      const all = moment === undefined ? [] : moment.tracks.toArray().map(serviceRows)
      shown = { all, facets: facetsOf(all), counts: countStates(all.flatMap(({ rows }) => rows)), services: all, found: 0, total: rowsIn(all) }
      tracks = moment?.tracks
      filtered = undefined
    }
    if (filters !== filtered) {
      const services = filteredServices(shown.all, filters)
      shown = { ...shown, services, found: rowsIn(services) }
      filtered = filters
    }
    return shown
  }
}
