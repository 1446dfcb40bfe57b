import { catchError, concatMap, defer, finalize, forkJoin, map, of, range, take, takeWhile, toArray, type Observable } from 'rxjs'
import { Denied, Disconnected, toError } from '../../../core/errors.js'
import { now } from '../../../flow/clock.js'
import type { Member, RawClient } from '../../etcd/connection/member.js'
import { connect, type ConnectOptions } from '../../etcd/connection/members.js'
import { srvHosts } from '../../etcd/connection/srv.js'
import { anyKey } from '../../etcd/range/range.js'
import { errorText } from '../failure.js'
import { askVersion, type AskedVersion } from './ask-version.js'

/** What an endpoint has answered; `undefined`: it may not be asked, or did not answer that. */
export interface EndpointReport {
  readonly host: string
  /** Why there is no answer at all. */
  readonly unreachable?: string | undefined
  /** Why the login was refused. */
  readonly refused?: string | undefined
  readonly cluster?: string | undefined
  readonly version?: string | undefined
  /** Whether it knows a leader. */
  readonly hasLeader?: boolean | undefined
  readonly isLearner?: boolean | undefined
  /** `NOSPACE` and `CORRUPT`, each with the id of its member. */
  readonly alarms?: readonly string[] | undefined
  /** How many members have a vote. */
  readonly voters?: number | undefined
  /** Why it answers no linearizable reads. */
  readonly noReads?: string | undefined
  /** How long linearizable reads took, ms. */
  readonly reads: readonly number[]
  /** How far its clock is ahead of ours, ms. */
  readonly ahead?: number | undefined
}

/** How long an endpoint may take for one answer, ms, and how many reads are timed. */
const [deadline, timedReads] = [3_000, 5]

type CallOptions = Parameters<Parameters<Member['call']>[0]>[1]
type Answer<A> = { readonly value: A } | { readonly error: Error }

const settled = <A>(source: Observable<A>): Observable<Answer<A>> =>
  source.pipe(
    map(value => ({ value })),
    take(1),
    catchError((error: unknown) => of({ error: toError(error) })),
  )
const valueOf = <A>(answer: Answer<A>): A | undefined => ('value' in answer ? answer.value : undefined)
const errorOf = (answer: Answer<unknown>): Error | undefined => ('error' in answer ? answer.error : undefined)

const isNoPermission = (error: Error | undefined): boolean => error instanceof Denied && error.message.includes('permission denied')

/** Linearizable reads, one after another. A refusal for lack of a permission comes after etcd has agreed on what would be read. */
const timedRead = (member: Member): Observable<Answer<number>> =>
  defer(() => {
    const began = now()
    return settled(member.call((client, options) => client.kv.range(anyKey, options), { deadline })).pipe(
      map((answer): Answer<number> => ('error' in answer && !isNoPermission(answer.error) ? answer : { value: now() - began })),
    )
  })

const alarmsIn = (errors: readonly string[]): readonly string[] =>
  errors.flatMap(text => {
    const [, member, alarm] = /memberID:(\d+) alarm:(\w+)/.exec(text) ?? []
    return member === undefined || alarm === undefined ? [] : [`${alarm} on member ${BigInt(member).toString(16)}`]
  })

/** Asks one endpoint, through a connection of its own. Local answers need no leader. */
const examineEndpoint = (host: string, options: ConnectOptions): Observable<EndpointReport> =>
  defer(() => {
    // eslint-disable-next-line @typescript-eslint/no-unused-vars -- left out
    const { srv, autoSync, ...rest } = options
    const members = connect({ ...rest, hosts: [host] })
    const ask = <A>(run: (client: RawClient, given: CallOptions) => Promise<A>): Observable<Answer<A>> => settled(members.on(member => member.call(run, { deadline, local: true })))
    return forkJoin({
      status: ask((client, given) => client.maintenance.status(given)),
      members: ask((client, given) => client.cluster.memberList({}, given)),
      version: settled<AskedVersion>(askVersion(host, rest, deadline)),
    }).pipe(
      concatMap(({ status, members: list, version }) => {
        const errors = [errorOf(status), errorOf(list)]
        const refused = errors.find(error => error instanceof Denied && !isNoPermission(error))
        const unreachable = errors.every(error => error instanceof Disconnected) ? errors[0] : undefined
        const known: EndpointReport = {
          host,
          unreachable: unreachable?.message,
          refused: refused && errorText(refused),
          cluster: valueOf(status)?.header.cluster_id ?? valueOf(list)?.header.cluster_id,
          version: valueOf(status)?.version ?? valueOf(version)?.version,
          hasLeader: valueOf(status) && valueOf(status)?.leader !== '0',
          isLearner: valueOf(status)?.isLearner,
          alarms: valueOf(status) && alarmsIn(valueOf(status)?.errors ?? []),
          voters: valueOf(list)?.members.filter(({ isLearner }) => !isLearner).length,
          reads: [],
          ahead: valueOf(version)?.ahead,
        }
        if (unreachable !== undefined || refused !== undefined) return of(known)
        return range(0, timedReads).pipe(
          concatMap(() => members.on(timedRead)),
          takeWhile(answer => 'value' in answer, true),
          toArray(),
          map(reads => ({ ...known, reads: reads.flatMap(read => valueOf(read) ?? []), noReads: reads.map(errorOf).find(error => error !== undefined)?.message })),
        )
      }),
      finalize(members.close),
    )
  })

/** Asks each endpoint; with `srv` those that DNS names. */
export const examineEndpoints = (options: ConnectOptions): Observable<readonly EndpointReport[]> =>
  defer(() => (options.srv === undefined ? of(options.hosts as readonly string[]) : srvHosts(options.srv))).pipe(
    concatMap(hosts => (hosts.length === 0 ? of([]) : forkJoin(hosts.map(host => examineEndpoint(host, options))))),
  )
