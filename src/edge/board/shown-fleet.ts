import type { BoardMoment } from './board-moment.js'
import { facetsOf, type Facets } from './facets.js'
import type { Filters } from './filters.js'
import { fleetCounts, type FleetCounts } from './fleet-counts.js'
import { naturalOrder } from './natural-order.js'
import { filteredServices } from './passing.js'
import { isWell, serviceRows, type ServiceRows } from './service-rows.js'
import { worstFirst } from './worst-first.js'

/** What a frame shows of a moment. */
export interface ShownFleet {
  /** All services, by name. */
  readonly all: readonly ServiceRows[]
  readonly facets: Facets
  /** The services of which something passes the filters: those that need attention, the worst first, and the others, by name. */
  readonly sick: readonly ServiceRows[]
  readonly well: readonly ServiceRows[]
  /** How many there are, and how many of them pass. */
  readonly counts: FleetCounts
  readonly found: FleetCounts
}

/** Makes what frames show. What depends on nothing that has changed since the frame before is the same object, since with 9,000 instances each of these takes some ms. */
export const shownFleets = (): ((moment: BoardMoment | undefined, filters: Filters) => ShownFleet) => {
  let tracks: BoardMoment['tracks'] | undefined
  let filtered: Filters | undefined
  let whole: Pick<ShownFleet, 'all' | 'facets' | 'counts'> | undefined
  let shown: ShownFleet | undefined
  return (moment, filters) => {
    if (whole === undefined || moment?.tracks !== tracks) {
      const all = moment === undefined ? [] : moment.tracks.toArray().map(serviceRows).sort((a, b) => naturalOrder(a.service, b.service))
      whole = { all, facets: facetsOf(all), counts: fleetCounts(all) }
      tracks = moment?.tracks
      shown = undefined
    }
    if (shown === undefined || filters !== filtered) {
      const services = filteredServices(whole.all, filters)
      const found = services === whole.all ? whole.counts : fleetCounts(services)
      shown = { ...whole, sick: worstFirst(services.filter(each => !isWell(each))), well: services.filter(isWell), found }
      filtered = filters
    }
    return shown
  }
}
