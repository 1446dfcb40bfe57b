import type { Revision } from 'rx-discovery'
import { numberText } from './number-text.js'

/**
 * When a history is replaced, as by a wipe of etcd, revisions begin again. Those of the history before are then counted on below 0, so that a timeline stays in order and each of its
 * moments has a number of its own: this is by how much.
 */
const apart = 1e15

/** A revision after its history was replaced. */
export const outdated = (revision: Revision): Revision => revision - apart

/** How often the history was replaced since, and the number of the revision in its own one. */
const numberOf = (revision: Revision): readonly [replacements: number, number: number] => {
  const replacements = Math.max(0, Math.ceil(-revision / apart))
  return [replacements, revision + replacements * apart]
}

/** Whether two entries that were seen at the same time are of the same revision, also if one was counted before its history was replaced. */
export const isSameRevision = (a: Revision, b: Revision): boolean => (a - b) % apart === 0

/** Whether no history was replaced between two revisions. */
export const isSameHistory = (a: Revision, b: Revision): boolean => numberOf(a)[0] === numberOf(b)[0]

/** A revision for people. */
export const revisionText = (revision: Revision): string => {
  const [replacements, number] = numberOf(revision)
  return `revision ${numberText(number)}${replacements === 0 ? '' : ', before the history was replaced'}`
}

/** A revision in a link: `1234`; `1234~1` if the history was replaced once since. */
export const revisionLink = (revision: Revision): string => {
  const [replacements, number] = numberOf(revision)
  return `${number}${replacements === 0 ? '' : `~${replacements}`}`
}

/** Reads it; `undefined` if it is none. */
export const readRevisionLink = (text: string): Revision | undefined => {
  const [, written, replacements = '0'] = /^(\d{1,15})(?:~(\d))?$/.exec(text) ?? []
  const number = Number(written)
  return number > 0 ? number - Number(replacements) * apart : undefined
}
