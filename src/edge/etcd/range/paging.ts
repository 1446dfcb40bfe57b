/** How many keys one page of a listing asks for: as many as the line to a member carries in about a second. */
export interface Paging {
  /** How many keys. */
  readonly limit: () => number
  /** How long the page may take, ms. */
  readonly deadline: () => number
  /** Reports a page that arrived after so many ms. `sized`: it had the size `limit`; otherwise it changes only the deadline. @default true */
  readonly came: (ms: number, sized?: boolean) => void
  /** Reports a page that did not arrive within so many ms. `sized`: as for `came`. */
  readonly failed: (ms: number, sized?: boolean) => void
}

// etcd counts the rest of the range for every page, so small pages are slow. This many keys are about two megabytes.
const most = 10_000
const shortest = 5_000
const longest = 60_000
/** A page that takes longer (ms) delays the answers behind it, such as those to keep-alives. */
const long = 2_000
const short = 500
/** From this share of the time of a larger page on, a page takes as long. */
const same = 0.75

/** Large pages at first; smaller ones after a page was slow or did not arrive. */
export const paging = (): Paging => {
  let limit = most
  let deadline = shortest
  /** The part of a page's time (ms) that does not depend on its size, as far as two pages have shown it. */
  let delay = 0
  let last = { limit, ms: Infinity }
  return {
    limit: () => limit,
    deadline: () => deadline,
    came: (ms, sized = true) => {
      deadline = shortest
      if (!sized) return
      // A smaller page that takes almost as long shows a long way, and not a slow line.
      if (limit < last.limit && ms > last.ms * same) delay = ms
      delay = Math.min(delay, ms)
      last = { limit, ms }
      if (ms - delay > long) limit = Math.ceil(limit / 2)
      else if (ms - delay < short) limit = Math.min(most, limit * 4)
    },
    failed: (ms, sized = true) => {
      // A page that fails so soon does not fail for its size. The first call to a member, for example, has only 1.5 s.
      if (ms < long) return
      delay = 0
      deadline = Math.min(longest, deadline * 2)
      if (sized) limit = Math.ceil(limit / 16)
    },
  }
}
