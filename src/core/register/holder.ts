import type { Remaining } from '../store.js'

/** One answer about the lease of another holder: what remained of it, and between which moments (monotonic ms) that was so. */
export interface Look extends Remaining {
  readonly askedAt: number
  readonly answeredAt: number
}

/** Whether the holder of a lease lives, or in how many ms the next look can decide. */
export type Judgement = 'lives' | 'dead' | { readonly again: number }

/**
 * Judges the holder of a lease by two looks at what remains of it; `first` is the look that comparison began with, `look` the latest one.
 *
 * It is dead if nothing has renewed the lease for half its TTL. Often the first look shows that already: clients renew each third of a TTL, this library
 * no later than after four ninths, so half is the earliest sound bound. It lives if more remains than can without a renewal since `first`. A new leader
 * extends each lease by its full TTL, so only looks of one raft term are compared.
 */
export const judge = (first: Look, look: Look): Judgement => {
  // etcd rounds down: less than `left + 1` seconds remain
  const most = look.left + 1
  if (most * 2 <= look.granted) return 'dead'
  const elapsed = (look.askedAt - first.answeredAt) / 1000
  if (look.term === first.term && elapsed > 0 && look.left >= first.left + 1 - elapsed) return 'lives'
  return { again: (most - look.granted / 2) * 1000 }
}
