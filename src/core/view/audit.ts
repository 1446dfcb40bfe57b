import { agrees, type Folding, type View } from './view.js'
import type { Change, Check } from '../store.js'

/** A comparison under way: what was known when it was asked for, what has come since, and the answer, once there. */
export interface Audit<M> {
  /** As of the answer's revision, as far as that is reached. */
  readonly known: View<M>
  /** What has come before the answer. */
  readonly waiting: readonly Change[]
  readonly check: Check | undefined
}

/** Nothing asked yet. */
export const audit = <M>(known: View<M>): Audit<M> => ({ known, waiting: [], check: undefined })

const upTo = <M>(fold: Folding<M>, known: View<M>, changes: readonly Change[], { revision }: Check): View<M> => {
  const until = changes.filter(change => change.revision <= revision)
  return until.length === 0 ? known : fold.changed(known, { revision: until.at(-1)?.revision ?? revision, changes: until })
}

/** The answer has come. */
export const answered = <M>(fold: Folding<M>, { known, waiting }: Audit<M>, check: Check): Audit<M> => ({
  known: upTo(fold, known, waiting, check),
  waiting: [],
  check,
})

/** Changes have come from the watch; those after the answer's revision are none of its business. */
export const heard = <M>(fold: Folding<M>, state: Audit<M>, changes: readonly Change[]): Audit<M> =>
  state.check === undefined
    ? { ...state, waiting: [...state.waiting, ...changes] }
    : { ...state, known: upTo(fold, state.known, changes, state.check) }

/** Whether what is known was the truth at the answer's revision. */
export const confirmed = <M>({ known, check }: Audit<M>): boolean => check !== undefined && agrees(known, check)
