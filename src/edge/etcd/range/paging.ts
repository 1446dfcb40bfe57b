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

/** Large pages at first; smaller ones after a page was slow or did not arrive. */
export const paging = (): Paging => {
  let limit = most
  let deadline = shortest
  return {
    limit: () => limit,
    deadline: () => deadline,
    came: (ms, sized = true) => {
      deadline = shortest
      if (!sized) return
      if (ms > long) limit = Math.ceil(limit / 2)
      else if (ms < short) limit = Math.min(most, limit * 4)
    },
    failed: (ms, sized = true) => {
      // A page that fails at once does not fail for its size.
      if (ms < short) return
      deadline = Math.min(longest, deadline * 2)
      if (sized) limit = Math.ceil(limit / 16)
    },
  }
}
