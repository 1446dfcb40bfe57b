/** How much of a listing is asked for at once: what the line to a member carries in about a second. */
export interface Paging {
  /** How many keys. */
  readonly limit: () => number
  /** How long they may take, ms. */
  readonly deadline: () => number
  /** A page came after so many ms. */
  readonly came: (ms: number) => void
  /** A page did not come, though it was under way for so many ms. */
  readonly failed: (ms: number) => void
}

// etcd counts the rest of the range anew for every page, so small ones are slow; this many are two megabytes.
const most = 10_000
const shortest = 5_000
const longest = 60_000
/** A page that took longer (ms) holds up what is answered behind it: pings of leases, and signs of life. */
const long = 2_000
const short = 500

/** Large pages, until they prove to be too large. */
export const paging = (): Paging => {
  let limit = most
  let deadline = shortest
  return {
    limit: () => limit,
    deadline: () => deadline,
    came: ms => {
      deadline = shortest
      if (ms > long) limit = Math.ceil(limit / 2)
      else if (ms < short) limit = Math.min(most, limit * 4)
    },
    failed: ms => {
      // What fails at once says nothing of its size.
      if (ms < short) return
      deadline = Math.min(longest, deadline * 2)
      limit = Math.ceil(limit / 16)
    },
  }
}
