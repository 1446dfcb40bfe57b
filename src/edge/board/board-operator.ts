import { toError } from '#internal/core/errors'
import type { ControlClient, Overrides } from './control-client.js'
import type { Operation } from './instance-details.js'
import { rowName, type InstanceRow, type ServiceRows } from './service-rows.js'

/** What an operator does on a board: the overrides as they were last read, and the question or the request under way. */
export interface BoardOperator {
  readonly overrides: () => Overrides | undefined
  /** Takes the overrides as they are now. */
  readonly learn: (overrides: Overrides) => void
  /** Drops the question, since another instance was selected. */
  readonly forget: () => void
  /** What may be done with an instance; `undefined`: nothing. */
  readonly operation: (row: InstanceRow, of: ServiceRows) => Operation | undefined
}

/** An operator that acts by a client; `changed` is called when there is something else to show. */
export const boardOperator = (client: ControlClient, changed: () => void): BoardOperator => {
  let overrides: Overrides | undefined
  let asked: 'drain' | undefined
  let problem = ''
  let isBusy = false
  const act = async (work: () => Promise<void>): Promise<void> => {
    isBusy = true
    problem = ''
    changed()
    try {
      await work()
      overrides = await client.overrides()
      asked = undefined
    } catch (thrown) {
      problem = toError(thrown).message
    }
    isBusy = false
    changed()
  }
  return {
    overrides: () => overrides,
    learn: read => {
      overrides = read
      changed()
    },
    forget: () => {
      asked = undefined
      problem = ''
    },
    operation: ({ instance, state }, { counts }) => {
      if (overrides?.allowed !== true) return undefined
      const isLast = state === 'up' && counts.states.up === 1
      return {
        override: overrides.byName.get(rowName(instance)),
        isLast,
        asked,
        isBusy,
        problem,
        ask: what => {
          asked = what
          changed()
        },
        drain: () => void act(() => client.drain(instance, isLast)),
        giveBack: () => void act(() => client.giveBack(instance)),
      }
    },
  }
}
