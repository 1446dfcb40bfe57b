import type { Batch, Change } from '../../../core/store.js'

/** All changes of these batches. */
export const changesOf = (batches: readonly Batch[]): readonly Change[] => batches.flatMap(({ changes }) => changes)

/** Whether so many changes have come. */
export const hasChanges = (count: number) => (batches: readonly Batch[]): boolean => changesOf(batches).length >= count
