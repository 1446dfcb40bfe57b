import type { Status } from 'rx-discovery'

/** The status of an instance, or that it has left. */
export type RowState = Status | 'gone'

/** All of them, the worst first. */
export const rowStates: readonly RowState[] = ['down', 'gone', 'draining', 'starting', 'up']

/** How many rows are in each state. */
export const countStates = (rows: Iterable<{ readonly state: RowState }>): Readonly<Record<RowState, number>> => {
  const counts = { up: 0, starting: 0, draining: 0, down: 0, gone: 0 }
  for (const { state } of rows) counts[state] += 1
  return counts
}
