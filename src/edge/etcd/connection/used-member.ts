import { Observable } from 'rxjs'
import type { Member } from './member.js'

/** A member, and what is under way on it. */
export interface UsedMember {
  readonly member: Member
  readonly close: () => void
  /** Members are preferred by this. It is random, so that many processes with the same list spread over the members, also over what is left of them. */
  readonly weight: number
  /** How many calls and streams are under way. */
  readonly calls: number
  readonly streams: number
}

/** Counts the calls and streams of a member; `changed` is called whenever a count has changed. */
export const usedMember = (member: Member, close: () => void, weight: number, changed: (kind: 'calls' | 'streams') => void): UsedMember => {
  const counted = <T>(kind: 'calls' | 'streams', source: Observable<T>): Observable<T> =>
    new Observable(subscriber => {
      used[kind] += 1
      changed(kind)
      subscriber.add(source.subscribe(subscriber))
      subscriber.add(() => {
        used[kind] -= 1
        changed(kind)
      })
    })
  const used = {
    member: {
      ...member,
      call: (run, settings) => counted('calls', member.call(run, settings)),
      stream: (start, requests) => counted('streams', member.stream(start, requests)),
    } satisfies Member,
    close,
    weight,
    calls: 0,
    streams: 0,
  }
  return used
}
