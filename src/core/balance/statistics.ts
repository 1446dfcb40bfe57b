/** The call statistics of an instance that fade with time. */
export interface Learned {
  readonly latency: number
  readonly failing: number
  readonly measuredAt: number
}

/** How one call went. */
export interface Sample {
  readonly result: 'success' | 'failure' | 'abandoned'
  readonly latency: number
  readonly now: number
}

/** The statistics before the first call. */
export const unlearned: Learned = { latency: 0, failing: 0, measuredAt: -Infinity }

/** How much a measurement at `measuredAt` still counts: e^(−Δt/τ). */
const fading = (measuredAt: number, now: number, decay: number): number => Math.exp((measuredAt - now) / decay)

/**
 * Peak EWMA (Twitter Finagle, `PeakEwma.scala`): a latency above the average replaces it at once, one below lowers it with time. The latency
 * of a failed or abandoned call is a lower bound, so that a fast failure does not look like a fast answer.
 */
export const learned = (before: Learned, { result, latency, now }: Sample, decay: number): Learned => {
  const old = fading(before.measuredAt, now, decay)
  const average = latency > before.latency ? latency : latency * (1 - old) + before.latency * old
  return {
    latency: result === 'success' ? average : Math.max(latency, before.latency * old),
    failing: before.failing * old + (result === 'failure' ? 1 - old : 0),
    measuredAt: now,
  }
}
