import { naturalOrder } from './natural-order.js'
import type { RowState } from './row-state.js'
import type { ServiceRows } from './service-rows.js'

/** The states that need attention, the worst first. */
const ailments = ['down', 'gone', 'draining', 'starting'] as const satisfies readonly RowState[]

/** How bad a service is, the smaller the worse: nothing is up, then by the worst state of an instance; last, an entry cannot be read. */
const rankOf = ({ counts: { states, unreadable } }: ServiceRows): number => {
  const worst = ailments.findIndex(state => states[state] > 0)
  if (worst < 0) return unreadable > 0 ? ailments.length : Infinity
  return states.up === 0 ? -1 : worst
}

/** Which share of its instances is not up. */
const shareOf = ({ counts: { states, instances } }: ServiceRows): number => 1 - states.up / Math.max(1, instances + states.gone)

/** Whether a service has lost instances, or has none that is up. If not, what it needs attention for may be on purpose. */
export const isBad = (service: ServiceRows): boolean => rankOf(service) <= ailments.indexOf('gone')

/** Services with the worst first; of equal ones, those of which more instances are not up; then by name. What the filters hide counts, too. */
export const worstFirst = (services: readonly ServiceRows[]): readonly ServiceRows[] =>
  services
    .map(service => ({ service, rank: rankOf(service), share: shareOf(service) }))
    .sort((a, b) => (a.rank === b.rank ? 0 : a.rank - b.rank) || b.share - a.share || naturalOrder(a.service.service, b.service.service))
    .map(({ service }) => service)
