import { median } from './results-table.js'

/** What one thing takes, measured several times, beside what another takes in the same rounds. */
export interface Comparison {
  readonly what: string
  readonly ours: readonly number[]
  /** The name of the alternative. */
  readonly beside: string
  readonly theirs: readonly number[]
  readonly unit: (value: number) => string
  /** What ours ÷ theirs is to be: at most, or at least. */
  readonly goal?: { readonly most: number } | { readonly least: number }
}

/** One number that has a goal of its own. */
export interface Bound {
  readonly what: string
  readonly measured: readonly number[]
  readonly unit: (value: number) => string
  readonly most: number
}

const rows: (readonly string[])[] = []

const times = (ratio: number): string => `${ratio < 0.01 ? ratio.toPrecision(1) : ratio.toFixed(ratio < 0.995 ? 2 : 1)}×`
const met = (value: number, goal: Comparison['goal']): string =>
  goal === undefined ? '' : ('most' in goal ? value <= goal.most : value >= goal.least) ? 'yes' : 'no'
const spread = (values: readonly number[], unit: (value: number) => string): string =>
  values.length < 2 ? unit(median(values)) : `${unit(median(values))} (${unit(Math.min(...values))} – ${unit(Math.max(...values))})`

/** Keeps a comparison for the table of ratios: medians, and the ratio of each round. */
export const compare = ({ what, ours, beside, theirs, unit, goal }: Comparison): void => {
  const [mine, other] = [median(ours), median(theirs)]
  if (theirs.length === 0 || Number.isNaN(other)) return
  const each = ours.map((value, round) => value / (theirs[round] ?? other)).filter(Number.isFinite)
  const said = goal === undefined ? '' : 'most' in goal ? `≤ ${goal.most}×` : `≥ ${goal.least}×`
  rows.push([what, unit(mine), beside, unit(other), times(mine / other), each.length < 2 ? '' : `${times(Math.min(...each))} – ${times(Math.max(...each))}`, said, met(mine / other, goal)])
}

/** Keeps a number with a bound of its own for the same table. */
export const bound = ({ what, measured, unit, most }: Bound): void => {
  rows.push([what, spread(measured, unit), '', '', '', '', `≤ ${unit(most)}`, met(median(measured), { most })])
}

/** The table of everything compared so far. */
export const ratios = (): readonly (readonly string[])[] => [['', 'ours', 'beside', 'its', 'ratio', 'in the rounds', 'goal', 'met'], ...rows]
