import type { Setting, Stage } from './on-stage.js'

/** A fault, and the conditions that must hold during and after it. */
export interface Row {
  readonly group: string
  readonly name: string
  readonly setting?: Setting
  /** Whether the row belongs to the short core, which runs with the tests. @default false */
  readonly core?: boolean
  /** Returns the reason if this machine cannot play the row. */
  readonly missing?: () => string | undefined
  /** How often the fault strikes, one time after another. @default 1 */
  readonly times?: number
  /** Runs before the fault. Only what the subjects report from the strike on counts. */
  readonly before?: (stage: Stage) => unknown
  /** Begins the fault. */
  readonly strike: (stage: Stage) => unknown
  /** How long the fault lasts, ms. @default 0 */
  readonly last?: number
  /** If true, the subjects must recover while the fault lasts, and the fault ends after that. @default false */
  readonly meanwhile?: boolean
  /** Ends the fault. */
  readonly lift?: (stage: Stage) => unknown
  /** The time limit (ms) to detect the fault, if there is something to detect. @default the TTL, and half a second */
  readonly detected?: number
  /** The time limit (ms) to recover. It is generous, for slow machines; the matrix contains the measured value. @default 5000 */
  readonly recovered?: number
  /** What the fault ends: the registration, or everything that the process does. The subject has *recovered* when that has completed, counted from the end of the strike. */
  readonly over?: 'registration' | 'process'
  /** Further checks; each text that it returns is a failure. */
  readonly judge?: (outcome: Outcome, stage: Stage) => readonly string[] | Promise<readonly string[]>
  /** A note in the matrix on what is special about this row. */
  readonly remark?: string
}

/** What a fault did to one subject. */
export interface Result {
  /** The states that its user saw, from the first strike on. */
  readonly sets: readonly string[]
  readonly registration: readonly string[]
  /** For each strike, ms from its beginning to the first set that is not live; `undefined`: there was none. */
  readonly setsDetected: readonly (number | undefined)[]
  /** For each strike, ms from its beginning to the first state of the registration other than registered; `undefined`: there was none. */
  readonly lossDetected: readonly (number | undefined)[]
  /** For each strike, ms from etcd's first answer after it to a true set; `undefined`: not within the time limit. */
  readonly setsRecovered: readonly (number | undefined)[]
  /** For each strike, ms from etcd's first answer after it until it is registered; `undefined`: not within the time limit. */
  readonly registrationRecovered: readonly (number | undefined)[]
  /** How many of the live sets differed from etcd's history at their revision. */
  readonly untrue: number
  readonly liveSets: number
  /** How many keys are wrong at the end; -1 if the subject did not answer. */
  readonly wrong: number
  /** Leases and keys of its own that are still in etcd after its end. */
  readonly leases: number
  readonly keys: number
  readonly failures: readonly string[]
  readonly registeredAtTheEnd: boolean
  /** What it wrote on its standard error; `undefined`: it had to be killed. */
  readonly complaint: string | undefined
}

/** What a fault did to both subjects. */
export interface Outcome {
  readonly row: Row
  readonly seed: number
  readonly ours: Result
  readonly stock: Result
  /** Notes for the matrix. */
  readonly notes: readonly string[]
  /** The conditions that did not hold. */
  readonly problems: readonly string[]
}
