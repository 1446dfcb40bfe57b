import { median } from './results-table.js'

/** Measurements of rx-discovery beside those of an alternative in the same rounds. */
export interface Comparison {
  readonly what: string
  readonly ours: readonly number[]
  /** The name of the alternative. */
  readonly beside: string
  readonly theirs: readonly number[]
  readonly unit: (value: number) => string
  /** The limit of ours ÷ theirs: at most, or at least. */
  readonly goal?: { readonly most: number } | { readonly least: number }
}

/** Measurements with a limit that depends on no alternative. */
export interface Bound {
  readonly what: string
  readonly measured: readonly number[]
  readonly unit: (value: number) => string
  readonly most: number
}

const rows: (readonly string[])[] = []

const times = (ratio: number): string => `${ratio < 0.01 ? ratio.toPrecision(1) : ratio.toFixed(ratio < 9.995 ? 2 : 1)}×`
/** Whether a value reaches its goal, both with the two decimals that are printed. */
const met = (value: number, goal: Comparison['goal']): string => {
  const shown = Number(value.toFixed(2))
  return goal === undefined ? '' : ('most' in goal ? shown <= goal.most : shown >= goal.least) ? 'yes' : 'no'
}
const spread = (values: readonly number[], unit: (value: number) => string): string =>
  values.length < 2 ? unit(median(values)) : `${unit(median(values))} (${unit(Math.min(...values))} – ${unit(Math.max(...values))})`

/** Adds a row to the table of goals: the medians, their ratio, and the ratios of the single rounds. */
export const compare = ({ what, ours, beside, theirs, unit, goal }: Comparison): void => {
  const [mine, other] = [median(ours), median(theirs)]
  if (theirs.length === 0 || Number.isNaN(other)) return
  const each = ours.map((value, round) => value / (theirs[round] ?? other)).filter(Number.isFinite)
  const limit = goal === undefined ? '' : 'most' in goal ? `≤ ${goal.most}×` : `≥ ${goal.least}×`
  rows.push([what, unit(mine), beside, unit(other), times(mine / other), each.length < 2 ? '' : `${times(Math.min(...each))} – ${times(Math.max(...each))}`, limit, met(mine / other, goal)])
}

/** Adds a row with a limit of its own to the same table. */
export const bound = ({ what, measured, unit, most }: Bound): void => {
  rows.push([what, spread(measured, unit), '', '', '', '', `≤ ${unit(most)}`, met(median(measured), { most })])
}

/** The rows that were added so far, with a head. */
export const ratios = (): readonly (readonly string[])[] => [['', 'rx-discovery', 'beside', 'value', 'ratio', 'in the rounds', 'goal', 'met'], ...rows]
