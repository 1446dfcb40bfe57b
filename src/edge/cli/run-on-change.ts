import { catchError, concatMap, defer, EMPTY, mergeMap, of, switchMap, tap, type Observable, type OperatorFunction } from 'rxjs'
import { toError } from '../../core/errors.js'
import { emptyContent, serviceSetOf, type ServiceSet } from '../../core/sets/service-set.js'
import { childProcess } from './child-process.js'
import type { FollowedServices } from './follow-services.js'
import { printableJson, type Line } from './output.js'
import { changeLines } from './set-lines.js'

const failure = ({ service, revision }: ServiceSet, how: string, details: Readonly<Record<string, unknown>>): Line => ({
  text: `! the command for ${service} at revision ${revision} ${how}`,
  json: { type: 'failed', service, revision, ...details },
})

/** Runs the command once; emits a line if it fails. */
const run = (command: string, set: ServiceSet): Observable<Line> => {
  const { service, revision, rejected } = set
  const input = `${printableJson({ service, revision, instances: set.toArray(), rejected: [...rejected.values()] })}\n`
  return childProcess(command, { stdio: ['pipe', 'inherit', 'inherit'], input, env: { RX_DISCOVERY_SERVICE: service } }).pipe(
    switchMap(({ exited }) => exited),
    mergeMap(({ code, signal }) => (code === 0 ? [] : [failure(set, signal === undefined ? `ended with exit code ${code}` : `was ended by ${signal}`, { code })])),
    catchError((error: unknown) => of(failure(set, `could not be started: ${toError(error).message}`, {}))),
  )
}

const emptySet = (service: string, { state }: FollowedServices): readonly ServiceSet[] =>
  state?.status === 'live' ? [serviceSetOf(emptyContent(service), state)] : []

/**
 * Runs a command at each change of a service, with its set as JSON on standard input. One runs at a time; a service that has changed several times
 * meanwhile gets one run, with its latest set. Outages are no changes. Emits a line for each failure. Completes after the source, when the running one has ended.
 */
export const runOnChange = (command: string): OperatorFunction<FollowedServices, Line> => source =>
  defer(() => {
    /** The sets for which the command was to be run last. */
    const given = new Map<string, ServiceSet>()
    const waiting = new Map<string, ServiceSet>()
    const changed = (fleet: FollowedServices): readonly string[] => {
      const vanished = [...given.keys()].filter(service => !fleet.sets.has(service))
      const sets = [...fleet.sets.values(), ...vanished.flatMap(service => emptySet(service, fleet))]
      return sets.flatMap(set => {
        const { service, status } = set
        const before = given.get(service)
        if (before === set || status !== 'live' || (before !== undefined && changeLines(before, set).length === 0)) return []
        const waits = waiting.has(service)
        given.set(service, set)
        waiting.set(service, set)
        return waits ? [] : [service]
      })
    }
    return source.pipe(
      mergeMap(changed),
      tap({ complete: () => waiting.clear() }),
      concatMap(service => {
        const set = waiting.get(service)
        waiting.delete(service)
        return set === undefined ? EMPTY : run(command, set)
      }),
    )
  })
