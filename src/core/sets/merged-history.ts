import { merged, unmerged } from './merge.js'
import { withState, type ServiceSet } from './service-set.js'

/** The histories of one service in several formats, each in order and from the same revision, as one: a set for each revision that changed one of them. */
export const mergedHistory = <M>(service: string, histories: readonly (readonly ServiceSet<M>[])[]): readonly ServiceSet<M>[] => {
  const all = histories.flatMap((sets, format) => sets.map(set => ({ format, set }))).sort((a, b) => a.set.revision - b.set.revision)
  let state = unmerged<M>(service, histories.length)
  return all.flatMap(({ format, set }, at) => {
    state = merged(state, format, set)
    const { revision } = set
    // One transaction may change several formats.
    return all[at + 1]?.set.revision === revision ? [] : [withState(state.result, { revision })]
  })
}
