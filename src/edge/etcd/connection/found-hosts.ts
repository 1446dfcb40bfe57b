import { catchError, concat, defaultIfEmpty, defer, filter, forkJoin, map, of, switchMap, take, type Observable } from 'rxjs'
import type { IMember } from 'etcd3'
import type { Members } from './changing-members.js'
import type { Member } from './member.js'

/** The members of the cluster, as this member knows them. */
export const memberList = (member: Member): Observable<readonly IMember[]> =>
  member.call((client, options) => client.cluster.memberList({}, options)).pipe(map(({ members }) => members))

/**
 * The endpoints of the voting members that the cluster lists, once: of each the first URL that `answers`, that is on which our cluster answers. A member
 * advertises what its flags name, by default `http://localhost:2379`, where anything may answer.
 */
export const foundHosts = (on: Members['on'], answers: (url: string) => Observable<unknown>): Observable<readonly string[]> => {
  const believed = (url: string): Observable<string | undefined> =>
    defer(() => answers(url)).pipe(
      take(1),
      map(() => url),
      catchError(() => of(undefined)),
    )
  const firstBelieved = ({ clientURLs }: IMember): Observable<string | undefined> =>
    concat(...clientURLs.map(believed)).pipe(filter(url => url !== undefined), take(1), defaultIfEmpty(undefined))
  return defer(() => on(memberList)).pipe(
    switchMap(members => forkJoin(members.filter(({ isLearner }) => !isLearner).map(firstBelieved))),
    map(urls => urls.filter(url => url !== undefined)),
    defaultIfEmpty([]),
  )
}
