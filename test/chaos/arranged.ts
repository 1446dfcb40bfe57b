import type { Setting } from './on-stage.js'
import type { Row } from './row.js'

type Started = Awaited<ReturnType<NonNullable<Setting['start']>>>

/** A row that starts its own cluster and needs more of it than a stage has. */
export const arranged = <A extends Started>(start: () => Promise<A>, row: (there: () => A) => Row): Row => {
  let there: A | undefined
  const made = row(() => {
    if (there === undefined) throw new Error('the cluster of this row was used before it was started')
    return there
  })
  return { ...made, setting: { ...made.setting, start: async () => (there = await start()) } }
}
