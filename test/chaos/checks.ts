import type { Stage } from './on-stage.js'
import type { Outcome } from './row.js'

/** A failure if a state was emitted that `allowed` does not match. */
export const onlyStates = (name: string, emitted: readonly string[], allowed: RegExp): readonly string[] => {
  const others = emitted.filter(state => !allowed.test(state))
  return others.length === 0 ? [] : [`${name} emitted ${others.join()}`]
}

/** A failure unless these states were emitted in this order; others may lie between them. */
export const statesInOrder = (name: string, emitted: readonly string[], states: readonly string[]): readonly string[] => {
  const found = states.reduce((from, state) => (from < 0 ? from : emitted.indexOf(state, from)), 0)
  return found < 0 ? [`${name} emitted ${emitted.join(' → ')} instead of ${states.join(' → ')}`] : []
}

/** A failure unless every set was live. */
export const alwaysLive = ({ ours }: Outcome): readonly string[] => onlyStates('discovery', ours.sets, /^live$/)

/** A failure unless the registration stayed registered. */
export const alwaysRegistered = ({ ours }: Outcome): readonly string[] => onlyStates('registration', ours.registration, /^registered$/)

/** A failure if the discovery or the registration emitted anything else than before the fault. */
export const undisturbed = (outcome: Outcome): readonly string[] => [...alwaysLive(outcome), ...alwaysRegistered(outcome)]

/** A failure if the lease was lost: while a cluster keeps working, no lease may be lost. */
export const keepsItsLease = (_: Outcome, { ours: { subject } }: Stage): readonly string[] => {
  // Before the first registration, `lost` reports a host that could not be used.
  const first = subject.states.findIndex(state => state.registered)
  const lost = subject.states.slice(first).filter(state => !state.registered && state.status !== 'registering')
  return first >= 0 && lost.length === 0 ? [] : [`registration emitted ${lost.map(({ status, why = '' }) => `${status}: ${why}`).join('; ')}`]
}
