import type { Range, Revision } from '../../../core/store.js'
import type { Member } from '../connection/member.js'
import { askedTwice, rangeOf } from './range.js'

/** A linearizable read at `from`; etcd refuses it if `from` is in the future or compacted. */
export const readAt = (member: Member, range: Range, from: Revision) =>
  askedTwice(member.call((client, options) => client.kv.range({ key: rangeOf(range).key, revision: from, count_only: true }, options)))
