import type { BoardState } from './board-state.js'

/** How fresh a board is. The lamp, the banner and all other signs of it are made from this one value. */
export type Freshness =
  /** The registry confirms what is shown. */
  | { readonly type: 'live' }
  /** It did, up to `asOf`, and has not answered since `since`; both epoch ms. */
  | { readonly type: 'stale'; readonly since: number; readonly asOf: number; readonly error: Error | undefined }
  /** It has not answered since the board was opened, at `since`; what is shown, if anything, is what was recorded before. */
  | { readonly type: 'awaited'; readonly since: number; readonly isRecalled: boolean; readonly error: Error | undefined }
  /** It has refused for good. */
  | { readonly type: 'stopped'; readonly error: Error }

/** How fresh a board is that follows a registry. */
export const freshnessOf = ({ view, failure, timeline, opened }: BoardState): Freshness => {
  const { status, trouble, asOf } = view
  if (failure !== undefined) return { type: 'stopped', error: failure }
  if (status === 'live') return { type: 'live' }
  if (status === 'pending') return { type: 'awaited', since: opened, isRecalled: timeline.moments.length > 0, error: trouble?.error }
  return { type: 'stale', since: trouble?.since ?? asOf, asOf, error: trouble?.error }
}
