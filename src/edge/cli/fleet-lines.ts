import { defer, mergeMap, type OperatorFunction } from 'rxjs'
import { pendingSet, type ServiceSet, type SetState } from '../../core/sets/service-set.js'
import { counted } from './counted.js'
import { errorText } from './failure.js'
import type { FollowedServices } from './follow-services.js'
import { linesSince } from './lines-since.js'
import { moment, type Line } from './output.js'
import { changeLines, followedLines } from './set-lines.js'

/** All services as they are followed together. */
type Together = SetState & Pick<FollowedServices, 'sets'>

const changed = ({ sets: before }: Together, { sets: after }: Together): readonly Line[] =>
  [...new Set([...before.keys(), ...after.keys()])].sort().flatMap(service => {
    const [from, to] = [before.get(service), after.get(service)]
    return from === to ? [] : changeLines(from ?? pendingSet(service), to ?? pendingSet(service))
  })

const together = (): ((all: Together) => readonly Line[]) =>
  linesSince<Together>(
    { sets: new Map(), status: 'pending', revision: 0, asOf: 0 },
    {
      live: ({ sets, revision }) => {
        const size = [...sets.values()].reduce((sum, set) => sum + set.size, 0)
        return {
          text: `all services are live: ${counted(sets.size, 'service')}, ${counted(size, 'instance')} at revision ${revision}`,
          json: { type: 'live', revision, services: sets.size, size },
        }
      },
      troubled: ({ status }, { error, since, attempt, retryAt, host }) => ({
        text: `all services have been ${status} since ${moment(since)} because ${errorText(error)}; retrying`,
        json: {
          ...{ type: status, error: { name: error.name, message: errorText(error) } },
          ...(host !== undefined && { host }),
          ...{ since: moment(since), attempt, retryAt: moment(retryAt) },
        },
      }),
      changed,
    },
  )

/** Turns what `watch` follows into lines about what changed. Services that are followed together have their outages together, others each its own. */
export const fleetLines = (): OperatorFunction<FollowedServices, Line> => source =>
  defer(() => {
    const all = together()
    const linesOf = new Map<string, (set: ServiceSet) => readonly Line[]>()
    let before: FollowedServices['sets'] = new Map()
    const each = (set: ServiceSet): readonly Line[] => {
      const lines = linesOf.get(set.service) ?? followedLines()
      linesOf.set(set.service, lines)
      return lines(set)
    }
    return source.pipe(
      mergeMap(({ sets, state }) => {
        if (state !== undefined) return all({ sets, ...state })
        const changedSets = [...sets.values()].filter(set => before.get(set.service) !== set)
        before = sets
        return changedSets.flatMap(each)
      }),
    )
  })
