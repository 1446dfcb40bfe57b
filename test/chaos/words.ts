import type { Outcome } from './outcome.js'

/** A complaint about each word that is not known. */
export const only = (name: string, seen: readonly string[], known: RegExp): readonly string[] => {
  const strange = seen.filter(word => !known.test(word))
  return strange.length === 0 ? [] : [`${name} said ${strange.join()}`]
}

/** A complaint unless this was said, in this order, whatever else was said. */
export const inOrder = (name: string, seen: readonly string[], words: readonly string[]): readonly string[] => {
  const found = words.reduce((from, word) => (from < 0 ? from : seen.indexOf(word, from)), 0)
  return found < 0 ? [`${name} did not say ${words.join(' → ')}, but ${seen.join(' → ')}`] : []
}

/** Nothing is seen of it by a discovery. */
export const alwaysLive = ({ ours }: Outcome): readonly string[] => only('discovery', ours.sets, /^live$/)
/** Nothing is seen of it by a registration. */
export const alwaysRegistered = ({ ours }: Outcome): readonly string[] => only('registration', ours.registration, /^registered$/)
/** Nobody sees anything of it. */
export const unnoticed = (outcome: Outcome): readonly string[] => [...alwaysLive(outcome), ...alwaysRegistered(outcome)]
